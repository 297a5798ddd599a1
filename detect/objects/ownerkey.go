package objects

import (
	"strings"

	"lapwing/event"
)

// A bearing is what the name of a response key says about whose the object is.
type bearing uint8

const (
	noOwner    bearing = iota // speaks of something else, or of somebody who works on the object
	maybeOwner                // could be an owner: believed where the population shows it
	orgOwner                  // an organisation: believed where the actor's own objects show its own
	owner                     // a person or account that has the object
	caller                    // the caller itself: me.id
)

// An ownerKey is a response key read as a reference to an owner.
type ownerKey struct {
	bearing bearing
	who     noun // customer, for customer.id, customer_id and customerUuid
	within  noun // the key the object itself is wrapped in, as order.customer.id; 0 if none
}

// Words are compared in lower case, the last of a compound first: accountHolder
// is a holder, userGroup a group.
var (
	owners = set("user", "customer", "client", "member", "account", "owner", "patient", "employee", "driver", "holder", "subscriber", "buyer",
		"consumer", "cardholder", "accountholder", "policyholder", "passenger", "rider", "guest", "student", "applicant", "borrower", "beneficiary",
		"payer", "usr", "cust", "uid", "userid", "customerid", "ownerid", "accountid", "memberid", "clientid", "patientid", "person", "profile",
		"createdby", "ownedby", "belongsto", "citizen", "taxpayer", "insured", "resident", "cliente", "usuario", "kunde", "benutzer", "utilisateur")
	orgs = set("tenant", "organization", "organisation", "org", "company", "workspace", "merchant")
	// workers have a part in objects that are not theirs, places and things have none.
	others = set("author", "assignee", "assigned", "assigner", "seller", "vendor", "reviewer", "approver", "approved", "agent", "support", "manager",
		"editor", "moderator", "host", "organizer", "organiser", "restaurant", "courier", "carrier", "doctor", "physician", "provider", "practitioner",
		"teacher", "instructor", "sender", "recipient", "receiver", "updated", "modified", "updatedby", "modifiedby", "deletedby", "closedby", "last",
		"creator", "uploader", "publisher", "artist", "parent", "category", "product", "sku", "item", "team", "project", "department", "group", "location",
		"region", "country", "city", "store", "shop", "warehouse", "type", "status", "role", "plan", "tag", "brand", "currency", "language", "follower",
		"friend", "mentioned", "invited", "shared", "event", "version", "trace", "request", "correlation", "transaction", "template", "course", "class",
		"channel", "conversation", "thread", "room", "forum", "board", "list", "collection", "referrer", "previous", "next", "first")
	// publics are what people publish: whoever made it, it is there for others.
	publics = set("post", "comment", "review", "article", "photo", "video", "listing", "question", "answer", "topic", "thread", "tweet", "product",
		"item", "event", "recipe", "repo", "repository", "gist", "playlist", "track", "profile", "story", "image", "media", "blog", "ad", "job", "poll",
		"song", "album", "book", "movie", "channel", "group", "page", "snippet", "package", "user", "team", "feed", "status", "rating", "offer", "shop", "store", "wiki")
	// envelopes hold what an answer is about, beside wrappers.
	envelopes = set("attributes", "relationships", "_source", "fields", "resource", "response", "viewer", "resultset")
	// people are listed where somebody may look them up.
	people = set("user", "customer", "client", "member", "account", "patient", "employee", "driver", "subscriber", "person", "people", "contact", "friend",
		"student", "staff", "profile", "guest", "applicant")
	// documents answer questions of any kind at one path.
	documents = set("graphql", "query", "rpc", "jsonrpc", "gql")
)

// ownerOf reads a dotted key as a reference to the owner of what an answer
// holds: customer.id, user_id, data[].ownerId, order.account.uuid. References
// deeper inside, such as the author of a comment on an order, are no owners.
func (n *nouns) ownerOf(key string) (k ownerKey) {
	parts := strings.Split(key, ".")
	if len(parts) > 8 {
		return k
	}
	last := len(parts) - 1
	word := parts[last]
	if strings.HasSuffix(word, "[]") {
		return k // several are no owner
	}
	word = withoutContact(withoutID(word))
	if word == "" { // plain id: the parent says whose
		for last--; last >= 0 && wrappers[strings.ToLower(parts[last])]; last-- {
			if strings.HasSuffix(parts[last], "[]") {
				return k
			}
		}
		if last < 0 || strings.HasSuffix(parts[last], "[]") {
			return k
		}
		word = withoutID(parts[last])
	}
	for _, p := range parts[:last] {
		p = strings.TrimSuffix(p, "[]")
		if lower := strings.ToLower(p); p == "" || wrappers[lower] || envelopes[lower] {
			continue
		}
		if k.within != 0 {
			return ownerKey{}
		}
		k.within = n.stem(p)
	}
	if k.who = n.stem(word); k.who == 0 {
		return ownerKey{}
	}
	k.bearing = bearingOf(word)
	return k
}

// withoutContact strips what marks a key as a way to reach its owner.
func withoutContact(word string) string {
	for _, end := range [...]string{"email", "mail", "username", "login"} {
		if len(word) >= len(end) && strings.EqualFold(word[len(word)-len(end):], end) {
			return strings.TrimRight(word[:len(word)-len(end)], "_-")
		}
	}
	return word
}

func bearingOf(word string) bearing {
	parts := wordsOf(word)
	joined := strings.Join(parts, "")
	switch {
	case len(parts) == 0 || len(joined) < 2:
		return noOwner
	case selves[joined]:
		return caller
	case owners[joined]:
		return owner
	}
	for _, p := range parts {
		if others[p] {
			return noOwner
		}
	}
	switch last := parts[len(parts)-1]; {
	case owners[last]:
		return owner
	case orgs[last]:
		return orgOwner
	}
	return maybeOwner
}

// wordsOf splits a key at its capitals and punctuation, in lower case.
func wordsOf(s string) (words []string) {
	start := 0
	cut := func(end int) {
		if w := strings.ToLower(strings.Trim(s[start:end], "_-@$: ")); w != "" {
			words = append(words, w)
		}
		start = end
	}
	for i := 1; i < len(s); i++ {
		if s[i] == '_' || s[i] == '-' || s[i] >= 'A' && s[i] <= 'Z' && s[i-1] >= 'a' && s[i-1] <= 'z' {
			cut(i)
		}
	}
	cut(len(s))
	return words
}

// kindOf says of a word for what a path serves whether such things are public
// by nature, and whether it stands for things of any kind.
func (n *nouns) kindOf(served noun) (public, document bool) {
	return n.publics[served], n.documents[served]
}

func (n *nouns) stems(words map[string]bool) map[noun]bool {
	out := make(map[noun]bool, len(words))
	for w := range words {
		out[n.stem(w)] = true
	}
	return out
}

// asksForSelf reports a request for the caller's own account: /me, /users/me.
func asksForSelf(c *event.Call) bool {
	p := strings.TrimRight(c.Path, "/")
	word := strings.ToLower(p[strings.LastIndexByte(p, '/')+1:])
	return selves[word] && word != "dashboard" && word != "current" || word == "account"
}
