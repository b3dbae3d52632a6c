module "eks" {
  source = "terraform-aws-modules/eks/aws"

  self_managed_node_groups = {
    one = {
      name         = "mixed-1"
      max_size     = 5
      desired_size = 2

      use_mixed_instances_policy = true
      mixed_instances_policy = {
        instances_distribution = {
          on_demand_base_capacity                  = 0
          on_demand_percentage_above_base_capacity = 10
          spot_allocation_strategy                 = "capacity-optimized"
        }

        override = [
          { instance_type = "m5.large", weighted_capacity = "1" },
          { instance_type = "m6i.large", weighted_capacity = "2" },
        ]
      }
    }
  }
}
