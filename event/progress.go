package event

// Progress says how far a resumable source has been read. A store writes it in
// the same transaction as the calls it covers, so that a restart neither loses
// nor doubles any.
type Progress struct {
	Source string // names the source for good: "log:/var/log/nginx/access.log#<fingerprint>", "http:<sender>"
	Offset int64  // bytes, or the sender's sequence number: everything below is done
}
