package simulate

import "strconv"

// What attackers carry in their bags: paths that scanners try, names that
// administrators like, passwords that many use. Nothing here comes from the
// application; where a word hits, it is because applications have habits.
var (
	// scannerPaths are what opportunistic scanners ask every host for.
	scannerPaths = list(`.env .env.local .env.production .env.bak .git/config .git/HEAD .gitignore .svn/entries .DS_Store .htaccess .htpasswd .aws/credentials
 .ssh/id_rsa .vscode/sftp.json .idea/workspace.xml wp-login.php wp-admin/ wp-config.php.bak wp-content/debug.log xmlrpc.php phpinfo.php info.php test.php
 phpmyadmin/ pma/ adminer.php administrator/ admin/ admin.php admin/login manager/html solr/admin/info/system jenkins/ hudson/ actuator actuator/env
 actuator/heapdump actuator/mappings actuator/gateway/routes jolokia/list metrics prometheus debug debug/pprof/ debug/vars server-status server-info
 console h2-console graphiql graphql/console playground swagger swagger-ui.html swagger-ui/ swagger.json swagger/v1/swagger.json v2/api-docs v3/api-docs
 openapi.json openapi.yaml api-docs docs redoc api/swagger.json api/openapi.json backup.zip backup.sql backup.tar.gz db.sql dump.sql database.sql site.tar.gz
 www.zip old/ bak/ backup/ config.json config.yml config.php settings.py application.properties application.yml appsettings.json web.config package.json
 composer.json Dockerfile docker-compose.yml Jenkinsfile .gitlab-ci.yml .travis.yml id_rsa server.key cgi-bin/test.cgi cgi-bin/luci boaform/admin/formLogin
 HNAP1/ GponForm/diag_Form owa/ autodiscover/autodiscover.xml ecp/ remote/login vpn/index.html telescope/requests _ignition/health-check vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php
 storage/logs/laravel.log error.log access.log logs/ log.txt trace.axd elmah.axd crossdomain.xml sitemap.xml security.txt .well-known/security.txt
 .well-known/openid-configuration robots.txt favicon.ico status health healthz readyz livez version info env`)
	// apiNouns and apiVerbs make the word list of somebody who fuzzes an API.
	apiNouns = list(`users user accounts account admin admins orders order invoices invoice payments payment products product customers customer profiles profile
 roles role permissions groups group teams team organizations tenants tenant projects project tasks files file uploads documents document reports report
 exports export imports import jobs queue events event logs log audit sessions session tokens token keys key secrets config configs settings preferences
 webhooks hooks callbacks messages message notifications emails mail sms otp codes coupons vouchers cards card wallets wallet balances transactions
 transfers refunds subscriptions plans billing quotas limits usage stats statistics metrics health status debug test tests internal private public
 beta staging dev sandbox legacy old backup archive cache search suggest autocomplete tags categories comments reviews ratings likes follows friends
 contacts addresses locations places devices sensors measurements alerts rules policies consents features flags experiments jobs/run batch bulk sync
 feed feeds rss graph graphql rpc soap ws socket stream streams media images videos thumbnails assets static download downloads attachments avatars`)
	apiVerbs = list(`list all search find get create new add update edit delete remove purge reset export import download upload run start stop restart enable disable
 approve reject cancel confirm verify validate check impersonate sudo login logout register invite promote grant revoke assign transfer refund charge
 rotate reload flush dump trace count stats me self current latest recent history details summary full raw`)
	// usualPasswords are the head of every public list.
	usualPasswords = list(`123456 password 12345678 qwerty 123456789 12345 1234 111111 1234567 dragon 123123 baseball abc123 football monkey letmein shadow master 666666
 qwertyuiop 123321 mustang 1234567890 michael 654321 superman 1qaz2wsx 7777777 121212 000000 qazwsx 123qwe killer trustno1 jordan jennifer zxcvbnm asdfgh
 hunter buster soccer harley batman andrew tigger sunshine iloveyou 2000 charlie robert thomas hockey ranger daniel starwars klaster 112233 george
 computer michelle jessica pepper 1111 zxcvbn 555555 11111111 131313 freedom 777777 pass maggie 159753 aaaaaa ginger princess joshua cheese amanda summer
 love ashley nicole chelsea biteme matthew access yankees 987654321 dallas austin thunder taylor matrix Summer2025! Welcome1 Password1! qwerty123 Winter2026`)
	// seasonalPasswords are what sprayers try: they satisfy most rules for passwords.
	seasonalPasswords = list(`Summer2025! Winter2026 Welcome1 Password1! Spring2026! Company1 Monday01 Autumn2025! Passw0rd January2026`)
	// serviceNames are accounts that people believe to exist everywhere.
	serviceNames = list(`admin administrator root test guest info backup service support operator monitor deploy jenkins postgres oracle mysql ftp www-data nagios api
 user demo sysadmin webmaster office scanner printer reception helpdesk sales marketing billing noreply security audit build ci batch report sync`)
)

// fuzzPath is the n-th path of a long word list: scanners' favourites first,
// then nouns, then combinations, as such lists are ordered.
func fuzzPath(base string, n int) string {
	if n < len(scannerPaths) {
		return "/" + scannerPaths[n]
	}
	n -= len(scannerPaths)
	if n < len(apiNouns) {
		return base + "/" + apiNouns[n]
	}
	n -= len(apiNouns)
	if n < len(apiNouns)*len(apiVerbs) {
		return base + "/" + apiNouns[n%len(apiNouns)] + "/" + apiVerbs[n/len(apiNouns)]
	}
	n -= len(apiNouns) * len(apiVerbs)
	if n < len(apiNouns)*9 {
		return "/v" + strconv.Itoa(1+n/len(apiNouns)) + "/" + apiNouns[n%len(apiNouns)]
	}
	n -= len(apiNouns) * 9
	return base + "/" + apiNouns[n%len(apiNouns)] + "-" + apiVerbs[n/len(apiNouns)%len(apiVerbs)] + suffixes[n/len(apiNouns)/len(apiVerbs)%len(suffixes)]
}

var suffixes = list(`.json .php .bak .old .xml .txt .zip ~ 2 _new _v2 .csv .html .asp .jsp .do`)
