// Package parse turns captured packets into calls: link layer and tunnels, IP
// fragments, TCP streams, HTTP/1, pairing of requests with responses, and the
// builder that hides what must not leave.
//
// Promises:
//
//   - One goroutine per Parser. emit is called from within Packet, Advance and
//     Close and must not call the Parser back.
//   - Equal packets and configuration give equal calls in equal order. How the
//     bytes of a connection were cut into segments, and harmless reordering and
//     retransmission, change no field of a call but its times.
//   - Of one connection, calls come in the order of their responses; a request
//     without one comes when its connection ends, or when a later response of
//     the same connection shows that its own is past. Connections are not
//     ordered among each other.
//   - Every request and every final response that was recognised appears in
//     exactly one call; see Stats for what is conserved.
//   - Where packets of a connection were lost, a response is paired with the
//     request that the sequence numbers say, or with none, or with a likely one
//     and FlagAmbiguous; see evidence.go. Only of a client that pipelines, and of
//     whose pipelining nothing was captured, may a pair be wrong and not say so.
//   - A panic while one connection is parsed costs that connection: it is
//     counted, the first stack is kept, its bytes are counted as faulted.
//   - Memory is bounded by Config, and by the flow table of package tcp.
//
// TLS, HTTP/2 and WebSocket are recognised, counted and passed over. A PROXY
// protocol header is read, and names the client if its sender is trusted.
package parse
