package detect

// networkClassNames are the words for network classes in configuration, rules
// and tables.
var networkClassNames = [...]string{"", "residential", "mobile", "hosting", "business", "education", "anonymizer"}

// String is the word for a class; "" for NetworkUnknown.
func (c NetworkClass) String() string {
	if int(c) >= len(networkClassNames) {
		return ""
	}
	return networkClassNames[c]
}

// ParseNetworkClass reads what String writes, but for the empty word.
func ParseNetworkClass(s string) (NetworkClass, bool) {
	for i, n := range networkClassNames {
		if i > 0 && n == s {
			return NetworkClass(i), true
		}
	}
	return NetworkUnknown, false
}
