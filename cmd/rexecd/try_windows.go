package main

// usualLine shows that a command ran, and where.
const usualLine = "ver"
