region       = "eu-west-1"
cluster_name = "prod"

# per group
desired_size = 6
min_size     = 3 // never fewer
max_size     = 12 /* the quota */
