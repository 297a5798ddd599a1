//go:build unix

package follow

import (
	"os"
	"syscall"
)

// inode returns the number that tells files of one file system apart.
func inode(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}
