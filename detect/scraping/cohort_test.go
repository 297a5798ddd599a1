package scraping

import (
	"math"
	"testing"

	"lapwing/event"
)

func TestCatalogueSize(t *testing.T) {
	for _, n := range []int{10, 300, 5000, 200_000} {
		var c catalogue
		x := uint64(1)
		for range n {
			x = x*6364136223846793005 + 1442695040888963407
			c.add(x ^ x>>29)
		}
		if got := c.size(); math.Abs(got/float64(n)-1) > 0.2 {
			t.Errorf("%d things are estimated as %.0f", n, got)
		}
	}
}

func TestRegularity(t *testing.T) {
	fill := func(gaps ...int64) float64 {
		var h harvest
		at := int64(1e18)
		for i := range 120 {
			at += gaps[i%len(gaps)]
			h.took(at, false)
		}
		share, _ := h.regularity()
		return share
	}
	if r := fill(7e9); r < 0.99 {
		t.Errorf("a fixed gap has regularity %v", r)
	}
	if r := fill(6e9, 8e9, 7e9, 9e9); r < 0.75 {
		t.Errorf("a jittered gap has regularity %v", r)
	}
	if r := fill(1e9, 9e9, 3e9, 40e9, 17e9, 2e9); r > 0.6 {
		t.Errorf("scattered gaps have regularity %v", r)
	}
}

func TestCohortLimit(t *testing.T) {
	var c cohort
	for range cohortFrom - 1 {
		c.learn(0, 10)
	}
	if l, cold := c.limit(); l != coldLimit || !cold {
		t.Errorf("cold: %v %v", l, cold)
	}
	b := c.learn(0, 500)
	if l, cold := c.limit(); l != 3*16 || cold {
		t.Errorf("one actor sets the measure it is judged by: %v %v", l, cold)
	}
	for range outliers {
		c.learn(0, 500)
	}
	if l, _ := c.limit(); l != 3*512 {
		t.Errorf("several actors read much: %v", l)
	}
	c.leave(b)
	if l, _ := c.limit(); l != 3*16 {
		t.Errorf("without the suspect: %v", l)
	}
}

func FuzzPaging(f *testing.F) {
	f.Add("page=2&limit=10")
	f.Add("&&=&%zz=1&PAGE=99999999999999999999")
	f.Fuzz(func(t *testing.T, q string) {
		if name, value, ok := pagingOf(q); ok && (name == "" || value == "") {
			t.Fatal("empty page")
		}
	})
}

func pagingOf(q string) (string, string, bool) {
	return paging(&event.Call{Query: q, ResponseBytes: 1 << 20})
}
