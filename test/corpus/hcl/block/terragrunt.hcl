include "root" {
  path = find_in_parent_folders()
}

dependency "vpc" {
  config_path = "../vpc"
  mock_outputs = {
    vpc_id = "vpc-00000000"
  }
}

terraform {
  source = "git::git@github.com:acme/modules.git//eks?ref=v3.1.0"
}

inputs = {
  vpc_id = dependency.vpc.outputs.vpc_id
  node_groups = {
    general = { desired_size = 3, min_size = 2, max_size = 6 }
  }
}
