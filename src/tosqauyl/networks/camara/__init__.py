"""Asking a home network over CAMARA's Device Roaming Status API, and a simulator of such a network.

Source: CAMARA DeviceRoamingStatus, device-roaming-status.yaml and device-roaming-status-subscriptions.yaml.
"""
