// Package spec reads API descriptions and tells which of their operations a
// request is for.
//
// It imports OpenAPI 3.0 and 3.1 (and Swagger 2.0, which many gateways still
// export), as JSON or YAML. Documents come from people: one that is merely
// careless (a dangling schema reference, a field of the wrong type) is read as
// far as its paths go, with a warning; one that is no API description is an
// error that names the file and, where the reader knows it, the line.
//
// References are followed inside the directory of the document only. Nothing
// is ever fetched from the network.
//
// A Spec or Set is immutable once made, so any number of goroutines may match
// against it. Match takes time in proportion to the path, allocates nothing
// for a path that is already canonical, and prefers a literal segment to a
// parameter, and a longer template to a shorter one.
package spec
