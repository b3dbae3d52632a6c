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

# team 16: see #112
resource "aws_eks_node_group" "team_16" {
  cluster_name    = local.cluster
  node_group_name = "team-16" # odd one
  instance_types  = ["m6.large", "c5.large"]

  scaling_config {
    desired_size = 2
    max_size     = 26
    min_size     = 1
  }

  labels = {
    team     = "t16"
    "tier/16" = false
    cost     = 16.6
  }
}

# team 17: see #119
resource "aws_eks_node_group" "team_17" {
  cluster_name    = local.cluster
  node_group_name = "team-17"
  instance_types  = ["m7.xlarge", "c6.large"]

  scaling_config {
    desired_size = 3
    max_size     = 27
    min_size     = 2
  }

  labels = {
    team     = "t17"
    "tier/17" = true
    cost     = 17.7
  }
}

# team 18: see #126
resource "aws_eks_node_group" "team_18" {
  cluster_name    = local.clusters[0]
  node_group_name = "team-18" # odd one
  instance_types  = ["m5.large", "c5.large"]

  scaling_config {
    desired_size = 4
    max_size     = 28
    min_size     = 0
  }

  labels = {
    team     = "t18"
    "tier/18" = false
    cost     = 18.8
  }
}

# team 19: see #133
resource "aws_eks_node_group" "team_19" {
  cluster_name    = local.cluster
  node_group_name = "team-19"
  instance_types  = ["m6.xlarge", "c6.large"]

  scaling_config {
    desired_size = 5
    max_size     = 29
    min_size     = 1
  }

  labels = {
    team     = "t19"
    "tier/19" = true
    cost     = 19.9
  }
}

# team 20: see #140
resource "aws_eks_node_group" "team_20" {
  cluster_name    = local.cluster
  node_group_name = "team-20" # odd one
  instance_types  = ["m7.large", "c5.large"]

  scaling_config {
    desired_size = 6
    max_size     = 30
    min_size     = 2
  }

  labels = {
    team     = "t20"
    "tier/20" = false
    cost     = 20.0
  }
}

# team 21: see #147
resource "aws_eks_node_group" "team_21" {
  cluster_name    = local.clusters[1]
  node_group_name = "team-21"
  instance_types  = ["m5.xlarge", "c6.large"]

  scaling_config {
    desired_size = 0
    max_size     = 31
    min_size     = 0
  }

  labels = {
    team     = "t21"
    "tier/21" = true
    cost     = 21.1
  }
}

# team 22: see #154
resource "aws_eks_node_group" "team_22" {
  cluster_name    = local.cluster
  node_group_name = "team-22" # odd one
  instance_types  = ["m6.large", "c5.large"]

  scaling_config {
    desired_size = 1
    max_size     = 32
    min_size     = 1
  }

  labels = {
    team     = "t22"
    "tier/22" = false
    cost     = 22.2
  }
}

# team 23: see #161
resource "aws_eks_node_group" "team_23" {
  cluster_name    = local.cluster
  node_group_name = "team-23"
  instance_types  = ["m7.xlarge", "c6.large"]

  scaling_config {
    desired_size = 2
    max_size     = 33
    min_size     = 2
  }

  labels = {
    team     = "t23"
    "tier/23" = true
    cost     = 23.3
  }
}

# team 24: see #168
resource "aws_eks_node_group" "team_24" {
  cluster_name    = local.clusters[0]
  node_group_name = "team-24" # odd one
  instance_types  = ["m5.large", "c5.large"]

  scaling_config {
    desired_size = 3
    max_size     = 34
    min_size     = 0
  }

  labels = {
    team     = "t24"
    "tier/24" = false
    cost     = 24.4
  }
}

# team 25: see #175
resource "aws_eks_node_group" "team_25" {
  cluster_name    = local.cluster
  node_group_name = "team-25"
  instance_types  = ["m6.xlarge", "c6.large"]

  scaling_config {
    desired_size = 4
    max_size     = 35
    min_size     = 1
  }

  labels = {
    team     = "t25"
    "tier/25" = true
    cost     = 25.5
  }
}

# team 26: see #182
resource "aws_eks_node_group" "team_26" {
  cluster_name    = local.cluster
  node_group_name = "team-26" # odd one
  instance_types  = ["m7.large", "c5.large"]

  scaling_config {
    desired_size = 5
    max_size     = 36
    min_size     = 2
  }

  labels = {
    team     = "t26"
    "tier/26" = false
    cost     = 26.6
  }
}

# team 27: see #189
resource "aws_eks_node_group" "team_27" {
  cluster_name    = local.clusters[1]
  node_group_name = "team-27"
  instance_types  = ["m5.xlarge", "c6.large"]

  scaling_config {
    desired_size = 6
    max_size     = 37
    min_size     = 0
  }

  labels = {
    team     = "t27"
    "tier/27" = true
    cost     = 27.7
  }
}

# team 28: see #196
resource "aws_eks_node_group" "team_28" {
  cluster_name    = local.cluster
  node_group_name = "team-28" # odd one
  instance_types  = ["m6.large", "c5.large"]

  scaling_config {
    desired_size = 0
    max_size     = 38
    min_size     = 1
  }

  labels = {
    team     = "t28"
    "tier/28" = false
    cost     = 28.8
  }
}

# team 29: see #203
resource "aws_eks_node_group" "team_29" {
  cluster_name    = local.cluster
  node_group_name = "team-29"
  instance_types  = ["m7.xlarge", "c6.large"]

  scaling_config {
    desired_size = 1
    max_size     = 39
    min_size     = 2
  }

  labels = {
    team     = "t29"
    "tier/29" = true
    cost     = 29.9
  }
}

# team 30: see #210
resource "aws_eks_node_group" "team_30" {
  cluster_name    = local.clusters[0]
  node_group_name = "team-30" # odd one
  instance_types  = ["m5.large", "c5.large"]

  scaling_config {
    desired_size = 2
    max_size     = 40
    min_size     = 0
  }

  labels = {
    team     = "t30"
    "tier/30" = false
    cost     = 30.0
  }
}
