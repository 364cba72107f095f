// Package audit writes down what a daemon did: a closed list of events, one JSON object a line, in a file that only grows.
//
// It leaves to others what happens, who may do it, and what follows when a line cannot be written.
//
// A line has its fields in this order; those that say nothing are left out:
//
//	time       when the line was written, UTC, RFC 3339 with nine digits of a second
//	event      what happened, one of Event
//	session    32 hexadecimal digits, the same in all lines of one command
//	key        the key's id, proved
//	remote     address and port of the other side
//	user       whom the command runs as; refused: whom it asked for
//	argv       what runs: a list of words, or
//	line       a line for the user's shell, or
//	subsystem  its name, or
//	shell      true: a login shell
//	asked      what was asked for, where the key made something else of it
//	forced     true: argv or line is the key's own
//	cwd        the folder; refused: the one asked for
//	env        names of the variables the client sent, never their values
//	terminal   {"term", "rows", "cols"}; none: pipes
//	request    the client's id of its request, hexadecimal
//	address    where a connection is forwarded to
//	origin     what the client says it is for
//	kind, code, signal, in, out, err, survivors, wall_us    how it ended; in, out, err are bytes, wall_us microseconds
//	names, added, removed, changed    of the daemon, and of keys
//	rule       the limit that refused
//	reason     why, for people
//	left_out   how many more of the same source are not written
//	escaped    names of fields with bytes that are not UTF-8
//	cut        fields that were too long, with their true length in bytes
//
// More fields may come behind these, so a reader skips what it does not know.
//
// A string is what the other side sent, as plain JSON. What could end a line, move a cursor or reorder text (everything
// that Unicode does not call printable, and all spaces but U+0020) is written as \n, \r, \t or \uXXXX, so that one event
// is one line on every screen. JSON cannot hold bytes that are not UTF-8; a field with such bytes is named in escaped,
// and in it, and only in it, \\ stands for a backslash and \xNN for the byte NN, after JSON has been decoded. In a list
// that holds for all its elements.
//
// What a command runs is written whole up to 256 KiB, more than the protocol can carry; other fields up to 4 KiB. Longer
// ones are cut at a character and named in cut; the length of a list counts one byte more for each element.
//
// The file belongs to one daemon. A line is one write(2) to a file opened with O_APPEND. What a crash or a full disk left of
// a line stays as it is, and the next one starts behind a newline; a reader takes a line that is no JSON for such a rest.
package audit
