desired_size = 4
names        = ["a", "b"]
nested       = { one = { two = { three = 3 } } }
