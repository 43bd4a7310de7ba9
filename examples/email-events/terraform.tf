terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # Whose bucket it is, is given at init: terraform init -backend-config=bucket=<bucket> -backend-config=region=<its region>
  backend "s3" {
    key          = "email-events.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = "eu-west-1"

  # Replace with the account that this environment lives in: Terraform then refuses to touch any other.
  allowed_account_ids = ["000000000000"]

  default_tags {
    tags = {
      Project     = "scalable-webhook"
      Environment = "email-events"
    }
  }
}
