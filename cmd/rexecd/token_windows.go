package main

import "os"

// openToOthers knows nothing of access lists, which a new file inherits from its folder.
func openToOthers(*os.File) bool { return false }
