package evidence

import "testing"

func TestLengths(t *testing.T) {
	var l Lengths
	for n := range int32(40) {
		l.Add(n % 20)
	}
	if n, most := l.Most(); n != 40 || most != 2 {
		t.Errorf("%d lengths, the most frequent %d times", n, most)
	}
	if l.Alike(10, .2) {
		t.Error("twenty lengths are alike")
	}
	l = Lengths{}
	for n := range int32(10) {
		if l.Alike(10, .85) {
			t.Errorf("%d are enough", n)
		}
		l.Add(7 + n/9)
	}
	if !l.Alike(10, .85) || l.Alike(10, .95) {
		t.Error("nine of ten are alike, and not 95 %")
	}
}
