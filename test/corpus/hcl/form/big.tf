# team 1: see #7
resource "aws_eks_node_group" "team_1" {
  cluster_name    = local.cluster
  node_group_name = "team-1"
  instance_types  = ["m6.xlarge", "c6.large"]

  scaling_config {
    desired_size = 1
    max_size     = 11
    min_size     = 1
  }

  labels = {
    team     = "t1"
    "tier/1" = true
    cost     = 1.1
  }
}

# team 2: see #14
resource "aws_eks_node_group" "team_2" {
  cluster_name    = local.cluster
  node_group_name = "team-2" # odd one
  instance_types  = ["m7.large", "c5.large"]

  scaling_config {
    desired_size = 2
    max_size     = 12
    min_size     = 2
  }

  labels = {
    team     = "t2"
    "tier/2" = false
    cost     = 2.2
  }
}

# team 3: see #21
resource "aws_eks_node_group" "team_3" {
  cluster_name    = local.clusters[1]
  node_group_name = "team-3"
  instance_types  = ["m5.xlarge", "c6.large"]

  scaling_config {
    desired_size = 3
    max_size     = 13
    min_size     = 0
  }

  labels = {
    team     = "t3"
    "tier/3" = true
    cost     = 3.3
  }
}

# team 4: see #28
resource "aws_eks_node_group" "team_4" {
  cluster_name    = local.cluster
  node_group_name = "team-4" # odd one
  instance_types  = ["m6.large", "c5.large"]

  scaling_config {
    desired_size = 4
    max_size     = 14
    min_size     = 1
  }

  labels = {
    team     = "t4"
    "tier/4" = false
    cost     = 4.4
  }
}

# team 5: see #35
resource "aws_eks_node_group" "team_5" {
  cluster_name    = local.cluster
  node_group_name = "team-5"
  instance_types  = ["m7.xlarge", "c6.large"]

  scaling_config {
    desired_size = 5
    max_size     = 15
    min_size     = 2
  }

  labels = {
    team     = "t5"
    "tier/5" = true
    cost     = 5.5
  }
}

# team 6: see #42
resource "aws_eks_node_group" "team_6" {
  cluster_name    = local.clusters[0]
  node_group_name = "team-6" # odd one
  instance_types  = ["m5.large", "c5.large"]

  scaling_config {
    desired_size = 6
    max_size     = 16
    min_size     = 0
  }

  labels = {
    team     = "t6"
    "tier/6" = false
    cost     = 6.6
  }
}

# team 7: see #49
resource "aws_eks_node_group" "team_7" {
  cluster_name    = local.cluster
  node_group_name = "team-7"
  instance_types  = ["m6.xlarge", "c6.large"]

  scaling_config {
    desired_size = 0
    max_size     = 17
    min_size     = 1
  }

  labels = {
    team     = "t7"
    "tier/7" = true
    cost     = 7.7
  }
}

# team 8: see #56
resource "aws_eks_node_group" "team_8" {
  cluster_name    = local.cluster
  node_group_name = "team-8" # odd one
  instance_types  = ["m7.large", "c5.large"]

  scaling_config {
    desired_size = 1
    max_size     = 18
    min_size     = 2
  }

  labels = {
    team     = "t8"
    "tier/8" = false
    cost     = 8.8
  }
}

# team 9: see #63
resource "aws_eks_node_group" "team_9" {
  cluster_name    = local.clusters[1]
  node_group_name = "team-9"
  instance_types  = ["m5.xlarge", "c6.large"]

  scaling_config {
    desired_size = 2
    max_size     = 19
    min_size     = 0
  }

  labels = {
    team     = "t9"
    "tier/9" = true
    cost     = 9.9
  }
}

# team 10: see #70
resource "aws_eks_node_group" "team_10" {
  cluster_name    = local.cluster
  node_group_name = "team-10" # odd one
  instance_types  = ["m6.large", "c5.large"]

  scaling_config {
    desired_size = 3
    max_size     = 20
    min_size     = 1
  }

  labels = {
    team     = "t10"
    "tier/10" = false
    cost     = 10.0
  }
}

# team 11: see #77
resource "aws_eks_node_group" "team_11" {
  cluster_name    = local.cluster
  node_group_name = "team-11"
  instance_types  = ["m7.xlarge", "c6.large"]

  scaling_config {
    desired_size = 4
    max_size     = 21
    min_size     = 2
  }

  labels = {
    team     = "t11"
    "tier/11" = true
    cost     = 11.1
  }
}

# team 12: see #84
resource "aws_eks_node_group" "team_12" {
  cluster_name    = local.clusters[0]
  node_group_name = "team-12" # odd one
  instance_types  = ["m5.large", "c5.large"]

  scaling_config {
    desired_size = 5
    max_size     = 22
    min_size     = 0
  }

  labels = {
    team     = "t12"
    "tier/12" = false
    cost     = 12.2
  }
}

# team 13: see #91
resource "aws_eks_node_group" "team_13" {
  cluster_name    = local.cluster
  node_group_name = "team-13"
  instance_types  = ["m6.xlarge", "c6.large"]

  scaling_config {
    desired_size = 6
    max_size     = 23
    min_size     = 1
  }

  labels = {
    team     = "t13"
    "tier/13" = true
    cost     = 13.3
  }
}

# team 14: see #98
resource "aws_eks_node_group" "team_14" {
  cluster_name    = local.cluster
  node_group_name = "team-14" # odd one
  instance_types  = ["m7.large", "c5.large"]

  scaling_config {
    desired_size = 0
    max_size     = 24
    min_size     = 2
  }

  labels = {
    team     = "t14"
    "tier/14" = false
    cost     = 14.4
  }
}

# team 15: see #105
resource "aws_eks_node_group" "team_15" {
  cluster_name    = local.clusters[1]
  node_group_name = "team-15"
  instance_types  = ["m5.xlarge", "c6.large"]

  scaling_config {
    desired_size = 1
    max_size     = 25
    min_size     = 0
  }

  labels = {
    team     = "t15"
    "tier/15" = true
    cost     = 15.5
  }
}
