package turns

import "testing"

func TestRoomFor(t *testing.T) {
	a := func(underWay, promised, limit int) load { return load{"ebs", limit, underWay, promised} }
	tests := map[string]struct {
		loads     map[string]load
		size, own int
		want      room
	}{
		"idle":                           {map[string]load{"a": a(0, 0, 10)}, 10, 0, enough},
		"larger than the limit, idle":    {map[string]load{"a": a(0, 0, 10)}, 30, 0, enough},
		"larger, and one is under way":   {map[string]load{"a": a(1, 0, 10)}, 30, 0, classFull},
		"larger, and one is promised":    {map[string]load{"a": a(0, 1, 10)}, 30, 0, classFull},
		"fits beside others":             {map[string]load{"a": a(3, 2, 10)}, 5, 0, enough},
		"one too many":                   {map[string]load{"a": a(3, 3, 10)}, 5, 0, classFull},
		"nothing to do":                  {map[string]load{"a": a(30, 3, 10)}, 0, 0, enough},
		"own ones hinder not":            {map[string]load{"a": a(10, 0, 10)}, 20, 10, enough},
		"own ones beside others":         {map[string]load{"a": a(5, 0, 10)}, 6, 4, classFull},
		"another driver":                 {map[string]load{"a": a(0, 0, 10), "b": {"ceph", 10, 10, 50}}, 10, 0, enough},
		"another class of the driver":    {map[string]load{"a": a(0, 0, 10), "b": a(5, 1, 10)}, 5, 0, driverFull},
		"with the driver's higher limit": {map[string]load{"a": a(0, 0, 10), "b": a(5, 1, 20)}, 5, 0, enough},
		"beside a large run":             {map[string]load{"a": a(0, 0, 10), "b": a(20, 500, 20)}, 5, 0, driverFull},
		"large beside a small class":     {map[string]load{"a": a(0, 0, 20), "b": a(2, 500, 2)}, 18, 0, enough},
		"large beside it, one too many":  {map[string]load{"a": a(0, 0, 20), "b": a(2, 500, 2)}, 19, 0, driverFull},
	}
	for name, test := range tests {
		if got := roomFor(test.loads, "a", test.size, test.own); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
}

func TestRoomForOne(t *testing.T) {
	a := func(underWay, limit int) load { return load{"ebs", limit, underWay, 100} }
	for _, test := range []struct {
		loads map[string]load
		want  bool
	}{
		{map[string]load{"a": a(9, 10)}, true},
		{map[string]load{"a": a(10, 10)}, false},
		{map[string]load{"a": a(4, 10), "b": a(5, 10)}, true},
		{map[string]load{"a": a(5, 10), "b": a(5, 10)}, false},
		{map[string]load{"a": a(5, 10), "b": {"ceph", 10, 10, 0}}, true},
	} {
		if got := roomForOne(test.loads, "a"); got != test.want {
			t.Errorf("%+v: %v", test.loads, got)
		}
	}
}
