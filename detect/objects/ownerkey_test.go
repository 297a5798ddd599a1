package objects

import "testing"

func TestOwnerOf(t *testing.T) {
	n := newNouns(1)
	order := n.stem("orders")
	for key, want := range map[string]ownerKey{
		"customer.id":                          {owner, n.stem("customer"), 0},
		"customer_id":                          {owner, n.stem("customer"), 0},
		"data[].customerId":                    {owner, n.stem("customer"), 0},
		"data.relationships.customer.data.id":  {owner, n.stem("customer"), 0},
		"orders[].customer.uuid":               {owner, n.stem("customer"), order},
		"order.user.email":                     {owner, n.stem("user"), order},
		"owner":                                {owner, n.stem("owner"), 0},
		"created_by":                           {owner, n.stem("createdby"), 0},
		"createdBy.id":                         {owner, n.stem("createdby"), 0},
		"billingAccountId":                     {owner, n.stem("billingaccount"), 0},
		"user_email":                           {owner, n.stem("user"), 0},
		"tenant_id":                            {orgOwner, n.stem("tenant"), 0},
		"me.id":                                {caller, n.stem("me"), 0},
		"inhaber_ref.id":                       {maybeOwner, n.stem("inhaber_ref"), 0},
		"author.id":                            {},
		"assigned_user_id":                     {},
		"userGroupId":                          {},
		"seller.id":                            {},
		"customers[].id":                       {},
		"customer_ids[]":                       {},
		"id":                                   {},
		"[].id":                                {},
		"email":                                {},
		"data.items[].lines[].product.user.id": {},
		"":                                     {},
		"...":                                  {},
	} {
		got := n.ownerOf(key)
		if want.bearing == noOwner {
			if got.bearing != noOwner {
				t.Errorf("%q is %+v, want no owner", key, got)
			}
		} else if got != want {
			t.Errorf("%q is %+v, want %+v", key, got, want)
		}
	}
}

func FuzzOwnerOf(f *testing.F) {
	f.Add("data[].customerId")
	f.Add("a.b.c.d.e.f.g.h.i.id")
	f.Add("[][]..-_.id")
	f.Add("!!")
	f.Fuzz(func(t *testing.T, key string) {
		n := newNouns(1)
		if got := n.ownerOf(key); got != n.ownerOf(key) || got.bearing != noOwner && got.who == 0 {
			t.Errorf("%q is %+v", key, got)
		}
	})
}
