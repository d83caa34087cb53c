"""A fleet under attack: numbered readings over MQTT while its parts are killed and cut off, and the account."""
