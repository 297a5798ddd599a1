package link

// A Frame is one captured packet. Data is borrowed for the call of Decode.
type Frame struct {
	LinkType uint32 // LINKTYPE_ number of the capture file (tcpdump.org/linktypes.html), not DLT_
	Data     []byte
	WireLen  int   // bytes on the wire; 0 if unknown. Above len(Data): cut by the snap length
	AtNS     int64 // capture time, Unix ns
}

// Link types (LINKTYPE_ values) that Decode reads.
const (
	TypeNull     = 0
	TypeEthernet = 1
	TypePPP      = 9
	TypeRawBSD   = 12 // DLT_RAW as some systems write it
	TypeRawOpen  = 14 // DLT_RAW of OpenBSD
	TypePPPHDLC  = 50
	TypePPPoE    = 51
	TypeRaw      = 101
	TypeCHDLC    = 104
	TypeLoop     = 108
	TypeLinuxSLL = 113
	TypeIPv4     = 228
	TypeIPv6     = 229
	TypeNFLOG    = 239
	TypeLinuxSL2 = 276
)
