"""Grafana's dashboards and alert rules as code; knows the names in InfluxDB, and no reading, score or alarm."""
