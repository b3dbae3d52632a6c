package change

import (
	"path"
	"strings"
)

// chartOf gives the folder of the Helm chart that a file belongs to, "" when there is none.
func (s *search) chartOf(p string) string {
	for dir := path.Dir(p); ; dir = path.Dir(dir) {
		if s.has(path.Join(dir, "Chart.yaml")) {
			return dir
		}
		if dir == "." || dir == "/" {
			return ""
		}
	}
}

// isTemplate tells whether a file is a template of a Helm chart, and so no YAML.
func (s *search) isTemplate(p string) bool {
	chart := s.chartOf(p)
	return chart != "" && strings.HasPrefix(p, path.Join(chart, "templates")+"/")
}
