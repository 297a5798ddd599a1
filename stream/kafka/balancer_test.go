package kafka

import (
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

func TestExclusiveBalancer(t *testing.T) {
	at := func(second int64, holds int32) []byte {
		s := newStanding(time.Unix(second, 0))
		s.joined(holds > 0, holds)
		data, err := exclusiveBalancer{self: s}.UserData()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	partitions := []kafkago.Partition{{Topic: "t", ID: 0}, {Topic: "t", ID: 1}}
	for name, tc := range map[string]struct {
		members []kafkago.GroupMember
		want    string
	}{
		"the first that started":              {[]kafkago.GroupMember{{ID: "b", UserData: at(2, 0)}, {ID: "a", UserData: at(3, 0)}}, "b"},
		"the one that holds it":               {[]kafkago.GroupMember{{ID: "a", UserData: at(1, 0)}, {ID: "b", UserData: at(9, 4)}}, "b"},
		"the latest of two that held it":      {[]kafkago.GroupMember{{ID: "a", UserData: at(1, 4)}, {ID: "b", UserData: at(9, 5)}}, "b"},
		"equal in all but the name":           {[]kafkago.GroupMember{{ID: "b", UserData: at(1, 0)}, {ID: "a", UserData: at(1, 0)}}, "a"},
		"one that says nothing comes last":    {[]kafkago.GroupMember{{ID: "a"}, {ID: "b", UserData: at(1, 0)}}, "b"},
		"one that says nonsense comes last":   {[]kafkago.GroupMember{{ID: "a", UserData: []byte{9, 9}}, {ID: "b", UserData: at(1, 0)}}, "b"},
		"alone, whatever it says":             {[]kafkago.GroupMember{{ID: "a"}}, "a"},
		"whoever lost it is a newcomer again": {[]kafkago.GroupMember{{ID: "a", UserData: at(5, 0)}, {ID: "b", UserData: at(4, 0)}}, "b"},
	} {
		got := exclusiveBalancer{}.AssignGroups(tc.members, partitions)
		if len(got) != len(tc.members) {
			t.Errorf("%s: %d members have an assignment, want all %d", name, len(got), len(tc.members))
		}
		for id, topics := range got {
			want := 0
			if id == tc.want {
				want = len(partitions)
			}
			if len(topics["t"]) != want {
				t.Errorf("%s: %s gets %v", name, id, topics)
			}
		}
	}
	if got := (exclusiveBalancer{}).AssignGroups(nil, partitions); len(got) != 0 {
		t.Errorf("nobody there: %v", got)
	}
}

// Several groups of the same processes spread evenly over them, and what one
// has held before does not matter.
func TestTurns(t *testing.T) {
	var members []kafkago.GroupMember
	for i, id := range []string{"c", "a", "b"} {
		s := newStanding(time.Unix(int64(10+i), 0))
		s.joined(i == 2, 8)
		data, err := exclusiveBalancer{self: s, turn: 1}.UserData()
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, kafkago.GroupMember{ID: id, UserData: data})
	}
	has := map[string]int{}
	for number := range 7 {
		got := exclusiveBalancer{turn: number + 1}.AssignGroups(members, []kafkago.Partition{{Topic: "t", ID: 0}, {Topic: "t", ID: 1}})
		for id, topics := range got {
			if n := len(topics["t"]); n == 2 {
				has[id]++
			} else if n != 0 {
				t.Errorf("group %d is divided: %v", number, got)
			}
		}
	}
	if has["c"] != 3 || has["a"] != 2 || has["b"] != 2 {
		t.Errorf("seven groups are spread as %v", has)
	}
}
