resource "aws_autoscaling_group" "mixed" {
  name             = "mixed"
  capacity_rebalance = true
  desired_capacity   = 4
  max_size           = 12
  min_size           = 4

  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = 1
      on_demand_percentage_above_base_capacity = 25
      spot_allocation_strategy                 = "price-capacity-optimized"
    }
    launch_template {
      launch_template_specification {
        launch_template_id = aws_launch_template.x.id
      }
      override {
        instance_type     = "c4.large"
        weighted_capacity = "3"
      }
      override {
        instance_type     = "c3.large"
        weighted_capacity = "2"
      }
    }
  }

  lifecycle {
    ignore_changes = [desired_capacity, target_group_arns]
  }
}
