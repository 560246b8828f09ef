"""The contract as any SOAP stack reads it: one folder per contract version, WSDL + XSD, written by ``contracts.schema``."""
