package main

// checks are what is checked, in this order: the last two remove Snapback and
// install it again.
var checks = []check{
	{"helm test passes, and fails without a webhook", checkHelmTest},
	{"a StatefulSet's broker comes back with its records", checkStatefulSet},
	{"Koperator's brokers come back with their records", checkOperator(koperatorClaim)},
	{"Strimzi's brokers come back with their records", checkOperator(strimziClaim)},
	{"claims are restored as each level says", checkOptIn},
	{"a claim waits for Snapback and is restored", checkOutage},
	{"claims are restored while a replica is killed", checkKilledReplica},
	{"claims are restored during a rolling update", checkRollingUpdate},
	{"a run makes no snapshot twice when its leader is killed", checkLeader},
	{"claims are restored during an upgrade", checkUpgrade},
	{"the certificate becomes one of a Secret", checkCertificate(toSecret)},
	{"the certificate becomes Snapback's own", checkCertificate(toSelfSigned)},
	{"the certificate becomes cert-manager's", checkCertificate(toCertManager)},
	{"an uninstall lets claims in and keeps what was made", checkUninstall},
	{"installed again without cert-manager, it restores that", checkInstallAgain},
}
