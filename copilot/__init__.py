"""Sources > normalize > detect > diagnose > propose > validate > preview > apply > watch: failures in, trusted fixes out."""
