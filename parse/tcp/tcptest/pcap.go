// Package tcptest helps tests of the packet path: it reads capture files and
// builds segments. Nothing in a binary imports it.
package tcptest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"lapwing/parse/link"

	"github.com/google/gopacket/pcapgo"
)

// ReadFile reads all packets of a pcap or pcapng file, gzip or not. It is made
// for small test captures: everything is held in memory. What was read before
// an error is returned with it.
func ReadFile(path string) ([]link.Frame, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		if b, err = io.ReadAll(z); err != nil {
			return nil, err
		}
	}
	if len(b) > 4 && binary.LittleEndian.Uint32(b) == 0x0a0d0d0a {
		return readNG(b)
	}
	return readPcap(b)
}

func readNG(b []byte) ([]link.Frame, error) {
	r, err := pcapgo.NewNgReader(bufio.NewReader(bytes.NewReader(b)), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		return nil, err
	}
	var frames []link.Frame
	for {
		data, ci, err := r.ReadPacketData()
		if err == io.EOF {
			return frames, nil
		}
		if err != nil {
			return frames, err
		}
		typ := uint32(r.LinkType())
		if i, err := r.Interface(ci.InterfaceIndex); err == nil {
			typ = uint32(i.LinkType)
		}
		frames = append(frames, link.Frame{LinkType: typ, Data: data, WireLen: ci.Length, AtNS: ci.Timestamp.UnixNano()})
	}
}

// readPcap reads the classic format with its link type of 16 bits, which
// gopacket keeps 8 of.
func readPcap(b []byte) ([]link.Frame, error) {
	if len(b) < 24 {
		return nil, errors.New("tcptest: no pcap file")
	}
	var order binary.ByteOrder = binary.LittleEndian
	unit := int64(1000)
	switch {
	case order.Uint32(b) == 0xa1b2c3d4:
	case order.Uint32(b) == 0xa1b23c4d:
		unit = 1
	default:
		order = binary.BigEndian
		switch order.Uint32(b) {
		case 0xa1b2c3d4:
		case 0xa1b23c4d:
			unit = 1
		default:
			return nil, errors.New("tcptest: no pcap file")
		}
	}
	typ := order.Uint32(b[20:]) & 0xffff
	b = b[24:]
	var frames []link.Frame
	for len(b) > 0 {
		if len(b) < 16 {
			return frames, io.ErrUnexpectedEOF
		}
		n := int(order.Uint32(b[8:]))
		if n > len(b)-16 {
			return frames, io.ErrUnexpectedEOF
		}
		frames = append(frames, link.Frame{
			LinkType: typ,
			Data:     b[16 : 16+n],
			WireLen:  int(order.Uint32(b[12:])),
			AtNS:     int64(order.Uint32(b))*1e9 + int64(order.Uint32(b[4:]))*unit,
		})
		b = b[16+n:]
	}
	return frames, nil
}
