// Package deploytest holds the tests of what is in deploy: that every file
// parses, that the pieces agree with each other and with the binaries (paths,
// ports, targets, metrics), that the configurations load, and that nothing
// asks for more rights than it says.
//
// It checks structure against rules written here, which are smaller than the
// real schemas: that a cluster accepts the manifests only a cluster can say.
package deploytest
