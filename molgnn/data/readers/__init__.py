"""Files of molecules, whatever their format, as rows."""
