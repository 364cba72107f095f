// Package hmacauth proves, both ways, that the other side holds a named key,
// bound to one TLS channel: keys, tokens, and the handshake messages M1 to M4.
//
// It does no I/O and keeps no files: the caller moves whole frames, closes the
// connection on any error, waits before it says REFUSED, and owns the key ring
// and everything a key may do once it is proved.
//
//	client                                                  server
//	M1  versions, nonce_c, features, key id, server id  ->
//	    <-   M2  version, nonce_s, features                 (or REFUSED)
//	M3  mac_c over both frames and the channel          ->
//	    <-   M4  connection id, parameters, mac_s           (or REFUSED)
//
// The client proves first, so that the server is no MAC oracle for strangers.
// Both proofs cover the channel binding, so that a proof made for one TLS
// connection is worth nothing on another.
package hmacauth
