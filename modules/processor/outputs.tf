output "function_name" {
  description = "Name of the lane's function."
  value       = module.function.name
}
