"""The fleet's hot store, InfluxDB 1.8 or 2: what is written there, and how; must know nothing of Kafka or of pages."""
