package wire

import "google.golang.org/protobuf/encoding/protowire"

// Field numbers, as in lapwing.proto; a test compares the two.
const (
	recordMajor      protowire.Number = 1
	recordSensor     protowire.Number = 2
	recordBoot       protowire.Number = 3
	recordFirst      protowire.Number = 4
	recordBaseTime   protowire.Number = 5
	recordStrings    protowire.Number = 6
	recordKeySets    protowire.Number = 7
	recordCalls      protowire.Number = 8
	recordHeartbeats protowire.Number = 9
	recordDrops      protowire.Number = 10
	recordKeyMark    protowire.Number = 11

	keySetKeys protowire.Number = 1

	heartbeatSource  protowire.Number = 1
	heartbeatLow     protowire.Number = 2
	heartbeatRetired protowire.Number = 3

	dropReason protowire.Number = 1
	dropCalls  protowire.Number = 2

	callID                protowire.Number = 1
	callTime              protowire.Number = 2
	callDuration          protowire.Number = 3
	callClient            protowire.Number = 4
	callMethod            protowire.Number = 5
	callHost              protowire.Number = 6
	callPath              protowire.Number = 7
	callPathShape         protowire.Number = 8
	callStatus            protowire.Number = 9
	callActorKind         protowire.Number = 10
	callActorValue        protowire.Number = 11
	callRequestBytes      protowire.Number = 12
	callResponseBytes     protowire.Number = 13
	callUserAgent         protowire.Number = 14
	callQuery             protowire.Number = 15
	callSource            protowire.Number = 16
	callClientPort        protowire.Number = 17
	callPeer              protowire.Number = 18
	callPeerPort          protowire.Number = 19
	callServer            protowire.Number = 20
	callServerPort        protowire.Number = 21
	callScheme            protowire.Number = 22
	callProtocol          protowire.Number = 23
	callRoute             protowire.Number = 24
	callOperation         protowire.Number = 25
	callReferer           protowire.Number = 26
	callUser              protowire.Number = 27
	callTenant            protowire.Number = 28
	callToken             protowire.Number = 29
	callAccount           protowire.Number = 30
	callAuth              protowire.Number = 31
	callFingerprint       protowire.Number = 32
	callSensor            protowire.Number = 33
	callIDForm            protowire.Number = 34
	callIDName            protowire.Number = 35
	callIDHash            protowire.Number = 36
	callIDInt             protowire.Number = 37
	callIDOrder           protowire.Number = 38
	callRequestShape      protowire.Number = 39
	callResponseShape     protowire.Number = 40
	callRequestSensitive  protowire.Number = 41
	callResponseSensitive protowire.Number = 42
	callGapRequest        protowire.Number = 43
	callGapResponse       protowire.Number = 44
	callGapMarks          protowire.Number = 45
	callFlags             protowire.Number = 46
	callTimeSeconds       protowire.Number = 47

	shapeType     protowire.Number = 1
	shapeKeySet   protowire.Number = 2
	shapeHash     protowire.Number = 3
	shapeItems    protowire.Number = 4
	shapeOutcome  protowire.Number = 5
	shapeLocation protowire.Number = 6
)

const (
	idResponse = 1
	idHasInt   = 16
	idHasOrder = 32

	gapNoRequest     = 1
	gapNoResponse    = 2
	gapBodyUnread    = 4
	gapIDsIncomplete = 8
)

// Times within 127 years of 1970 are nanoseconds relative to the record's
// base: the difference of two such times fits 63 bits.
const maxPlainSeconds = 4_000_000_000
