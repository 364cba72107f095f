// Package text turns what a host's programs write into UTF-8, and what is typed here into what they read: encodings by
// name, code page or locale, streams with state across reads, and the rule that tells line by line whether a program
// spoke UTF-8 on a host that does not.
//
// It leaves to others which bytes are text at all, and where text is shown.
package text
