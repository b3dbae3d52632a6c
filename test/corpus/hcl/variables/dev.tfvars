desired_size = 1
min_size=1
max_size   =    2
tags={Env="dev",Owner="nobody"}
