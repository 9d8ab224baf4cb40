package main

type demoCommand struct{}
type auditCommand struct{}
