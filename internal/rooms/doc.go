// Package rooms holds the arrows between the rooms: a test over go list refuses an import that DESIGN does not allow.
//
// It leaves to others everything that runs; there is nothing to call here. The table is in rooms_test.go.
package rooms
