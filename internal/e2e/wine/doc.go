// Package wine runs the programs that Windows users run, in wine with a Chinese console, against those of this system. It
// is tests only.
package wine
