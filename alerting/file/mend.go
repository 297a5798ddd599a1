package file

import (
	"bytes"
	"encoding/json"
	"os"
)

// maxTorn bounds what is cut off: a notification, whose lists are bounded, is
// far shorter. A longer line is not ours, and only ended.
const maxTorn = 8 << 20

// mend makes f end in a whole line, or be empty. An object that lacks only its
// line feed is kept; what else follows the last line feed was never reported as
// written, so its sender tries again, and is cut off. Devices and pipes are
// left alone.
func mend(f *os.File) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	size := info.Size()
	var last [1]byte
	if _, err := f.ReadAt(last[:], size-1); err != nil || last[0] == '\n' {
		return err
	}
	tail := make([]byte, min(size, maxTorn))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	start := bytes.LastIndexByte(tail, '\n') + 1
	torn := tail[start:]
	if start == 0 && int64(len(tail)) < size || torn[0] == '{' && json.Valid(torn) {
		_, err := f.Write([]byte{'\n'})
		return err
	}
	return f.Truncate(size - int64(len(torn)))
}
