package platform

func sweep([]remaining) {}
