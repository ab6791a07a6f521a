"""What the API's operations do, one module a kind of resource."""
