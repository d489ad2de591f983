"""What runs inside a trial's process. Imports nothing but the standard library and Hydra, and costs milliseconds."""
