package login

import (
	"testing"

	"lapwing/detect"
)

// Answers of a log that differ in length only are told apart by what follows
// them over all clients; addresses that people share blur single steps, not the
// difference.
func TestAnswersAreToldApartByWhatFollows(t *testing.T) {
	answer := func(size int64, on, back uint32) cluster {
		a := answerTo(200)
		a.size = size
		return cluster{key: a.key(), answer: a, n: on + back, on: on, back: back}
	}
	for name, tc := range map[string]struct {
		clusters []cluster
		want     []detect.LoginOutcome
	}{
		"blurred":           {[]cluster{answer(57, 40, 60), answer(160, 90, 10)}, []detect.LoginOutcome{detect.LoginFailure, detect.LoginSuccess}},
		"under attack":      {[]cluster{answer(57, 5, 500), answer(160, 50, 5)}, []detect.LoginOutcome{detect.LoginFailure, detect.LoginSuccess}},
		"one answer to all": {[]cluster{answer(160, 50, 50)}, []detect.LoginOutcome{detect.LoginUnknown}},
		"no difference":     {[]cluster{answer(57, 70, 30), answer(160, 80, 20)}, []detect.LoginOutcome{detect.LoginUnknown, detect.LoginUnknown}},
		"too few":           {[]cluster{answer(57, 1, 5), answer(160, 50, 5)}, []detect.LoginOutcome{detect.LoginUnknown, detect.LoginUnknown}},
	} {
		m := &model{words: wordLogin, logOnly: true, clusters: tc.clusters}
		for i, want := range tc.want {
			if got, confidence := m.outcome(i, nil); got != want || confidence > 0.9 {
				t.Errorf("%s: answer %d means %v (%v), want %v", name, i, got, confidence, want)
			}
		}
	}
}

func answerTo(status int) answer { return answer{status: status, html: true, log: true} }
