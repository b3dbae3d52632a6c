package engine

import "testing"

func TestFollowDetail(t *testing.T) {
	for _, once := range []bool{false, true} {
		id, again, err := ReadFollowDetail(FollowDetail(42, once))
		if err != nil || id != 42 || again != once {
			t.Errorf("%d, %v, %v; want 42, %v", id, again, err, once)
		}
	}
	for _, wrong := range []string{"", "/once", "x", "0", "-1", "7/twice", "7/once/once"} {
		if id, _, err := ReadFollowDetail(wrong); CodeOf(err) != Invalid {
			t.Errorf("%q is proposal %d, %v", wrong, id, err)
		}
	}
}
