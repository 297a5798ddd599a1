package objects

import (
	"testing"

	"lapwing/event"
)

func TestNouns(t *testing.T) {
	n := newNouns(3)
	request := func(path, segment string) noun {
		return n.ofRequest(&event.Call{Path: path}, &event.IDRef{In: event.InPath, Name: segment})
	}
	response := func(shape, key string) noun {
		if v := n.ofKey(key); !v.path {
			return v.own
		}
		return n.ofPath(&event.Call{PathShape: shape})
	}
	for _, same := range []struct{ path, segment, shape, key string }{
		{"/users/7", "2", "/users", "[].id"},
		{"/users/7", "2", "/login", "user.id"},
		{"/v1/users/7", "3", "/posts", "data[].userId"},
		{"/v1/users/7/orders", "3", "/me", "id"},
		{"/users/7/orders/9", "4", "/users/{int}/orders", "items[].id"},
		{"/orders/9", "2", "/orders/search", "results[].uuid"},
		{"/categories/9", "2", "/products/{int}", "category_id"},
		{"/addresses/9", "2", "/users/{int}", "address.id"},
		{"/order-items/9", "2", "/x", "orderItemIds[]"},
		{"/post/9", "2", "/post", "id"},
		{"/shows/9", "2", "/show/{int}", "id"},
	} {
		if request(same.path, same.segment) != response(same.shape, same.key) {
			t.Errorf("%s and %s of %s name different things", same.path, same.key, same.shape)
		}
	}
	for _, other := range []struct{ path, segment, shape, key string }{
		{"/users/7", "2", "/products", "[].id"},
		{"/users/7", "2", "/orders", "[].productId"},
		{"/orders/9", "2", "/users", "paid"},
	} {
		if request(other.path, other.segment) == response(other.shape, other.key) {
			t.Errorf("%s and %s of %s name the same thing", other.path, other.key, other.shape)
		}
	}
}

func TestSteps(t *testing.T) {
	for name, tc := range map[string]struct {
		ids  []int64
		want bool
	}{
		"sequential":          {[]int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, true},
		"downwards by tens":   {[]int64{900, 890, 880, 870, 860, 850, 840, 830}, true},
		"shuffled by workers": {[]int64{1, 3, 2, 4, 6, 5, 7, 9, 8, 10}, true},
		"a third of a range":  {[]int64{1, 4, 5, 9, 12, 13, 17, 22, 23, 27}, false},
		"recency":             {[]int64{99812, 99741, 99803, 98001, 99799, 91234, 99655, 99811}, false},
		"too few":             {[]int64{1, 2, 3, 4}, false},
		"one over and over":   {[]int64{5, 5, 5, 5, 5, 5, 5, 5, 5}, false},
	} {
		var w walk
		for i, id := range tc.ids {
			w.add(id, int64(i)*1e9)
		}
		if got := w.walks(); got != tc.want {
			share, stride := w.steps()
			t.Errorf("%s: walks = %v (share %v, stride %d)", name, got, share, stride)
		}
	}
}

func TestCeiling(t *testing.T) {
	var p param
	if p0, on := p.ceiling(); p0 != undisclosedP0 || !on {
		t.Errorf("cold: %v %v", p0, on)
	}
	for range 60 {
		p.learn(counted{}, 0, 10, true)
	}
	if p0, on := p.ceiling(); p0 != undisclosedFloor || !on {
		t.Errorf("all disclosed: %v %v", p0, on)
	}
	for range 3 {
		p.learn(counted{}, 2, 20, true)
	}
	if p0, on := p.ceiling(); p0 != 0.125 || !on {
		t.Errorf("some at a tenth: %v %v", p0, on)
	}
	for range 5 { // attackers do not raise it
		p.learn(counted{}, 20, 20, false)
	}
	if p0, _ := p.ceiling(); p0 != 0.125 {
		t.Errorf("attackers raised it to %v", p0)
	}
	for range 200 {
		p.learn(counted{}, 9, 10, false)
	}
	if _, on := p.ceiling(); on {
		t.Error("on where everybody comes with identifiers of their own")
	}
}

// The credit of a list must not grow by reading it again.
func TestCredit(t *testing.T) {
	var m memory
	m.lend(1, 100, 1)
	m.lend(1, 100, 0)
	n := 0
	for m.spend(1) {
		n++
	}
	if n != 100 {
		t.Errorf("the same list twice is worth %d, want 100", n)
	}
	m.lend(1, 100, 1)
	m.lend(1, 100, 1)
	for m.spend(1) {
		n++
	}
	if n != 300 {
		t.Errorf("two further lists bring it to %d, want 300", n)
	}
	if m.spend(2) {
		t.Error("credit for one noun spent on another")
	}
}

// What is asked for by operation and what answers tell are the same thing.
func TestNounsOfOperations(t *testing.T) {
	n := newNouns(3)
	of := func(operation, path, key string) noun {
		if v := n.ofKey(key); !v.path {
			return v.own
		}
		return n.ofPath(&event.Call{Operation: operation, PathShape: path})
	}
	type mention struct{ operation, path, key string }
	for _, same := range []struct{ asked, told mention }{
		{mention{"query GetProject", "/graphql", "variables.id"}, mention{"query ListProjects", "/graphql", "data.listProjects.items[].id"}},
		{mention{"query GetTask", "/graphql", "variables.id"}, mention{"query ListProjectTasks", "/graphql", "data.listProjectTasks.items[].id"}},
		{mention{"query {order", "/graphql", "query.id"}, mention{"query {orders", "/graphql", "data.orders.edges[].node.id"}},
		{mention{"query orderById", "/graphql", "variables.orderId"}, mention{"query me", "/graphql", "data.me.orders[].id"}},
		{mention{"booking.get", "/rpc", "params.id"}, mention{"booking.list", "/rpc", "result.items[].id"}},
		{mention{"getBooking", "/rpc", "params.id"}, mention{"listBookings", "/rpc", "result[].id"}},
		{mention{"", "/travel.v1.BookingService/Get", "id"}, mention{"", "/travel.v1.BookingService/List", "items[].id"}},
		{mention{"", "/BegegnungService/Get", "id"}, mention{"", "/BegegnungService/Search", "results[].id"}},
		{mention{"", "/api/getInvoice", "id"}, mention{"", "/api/listInvoices", "invoices[].id"}},
		{mention{"", "/orders/{int}", "id"}, mention{"", "/orders", "data[].id"}},
	} {
		if of(same.asked.operation, same.asked.path, same.asked.key) != of(same.told.operation, same.told.path, same.told.key) {
			t.Errorf("%v and %v name different things", same.asked, same.told)
		}
	}
	for _, other := range []struct{ a, b mention }{
		{mention{"query GetProject", "/graphql", "variables.id"}, mention{"query GetTask", "/graphql", "variables.id"}},
		{mention{"booking.get", "/rpc", "params.id"}, mention{"customer.get", "/rpc", "params.id"}},
		{mention{"", "/BookingService/Get", "id"}, mention{"", "/GuestService/Get", "id"}},
	} {
		if of(other.a.operation, other.a.path, other.a.key) == of(other.b.operation, other.b.path, other.b.key) {
			t.Errorf("%v and %v name the same thing", other.a, other.b)
		}
	}
}

func TestSubjects(t *testing.T) {
	for operation, want := range map[string]string{
		"query GetProject": "project", "mutation createBankAccount": "account", "query {orders": "orders", "get": "", "post": "post",
		"travel.v1.BookingService/Get": "booking", "bank.v1.TransferenciaService/List": "transferencia", "listOrdersForUser": "orders",
		"": "", "...": "", "user.get": "user", "v1.Get": "", "ÜbersichtService/Get": "übersicht",
	} {
		if got := subject(operation); got != want {
			t.Errorf("%q is about %q, want %q", operation, got, want)
		}
	}
}
