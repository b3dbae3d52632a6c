package github

func (s *Server) routeControl() {}
