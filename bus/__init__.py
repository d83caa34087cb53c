"""The fleet's buffer: Kafka behind the ports of `wire`; never knows what the records mean."""
