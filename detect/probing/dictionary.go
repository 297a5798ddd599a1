package probing

import "strings"

// A family is one kind of thing that scanners look for. Two names of the same
// family are one clue.
type family uint8

// none is no family.
const none family = 0

// entry is one family: its name for alerts, and what belongs to it. A word
// matches a whole segment of the path; one that starts with "*" matches the end
// of the last segment, one that ends with "*" the start of any segment, and one
// with a slash any part of the path.
type entry struct {
	name      string
	sensitive bool // being answered is a finding in itself
	words     string
}

// dictionary lists what internet scanners ask any host for, written from what
// the software concerned is known to serve. Position is identity: append only.
var dictionary = [...]entry{
	{"", false, ""},
	// Files of developers and servers that should not be served.
	{"environment file", true, ".env .env.* *.env .envrc .flaskenv env.js env.json"},
	{"git repository", true, ".git .gitignore .gitconfig .git-credentials .gitattributes .gitmodules"},
	{"subversion", true, ".svn"}, {"mercurial", true, ".hg"}, {"bazaar", true, ".bzr"}, {"cvs", true, "cvs"},
	{"editor settings", true, ".vscode .idea .project .sublime-project"},
	{"directory index of macOS", true, ".ds_store"},
	{"ssh keys", true, ".ssh id_rsa id_dsa id_ecdsa id_ed25519 authorized_keys known_hosts"},
	{"cloud credentials", true, ".aws .boto .s3cfg .azure .gcloud aws.json credentials.json service-account.json"},
	{"container settings", true, ".docker .dockerenv dockerfile docker-compose.yml docker-compose.yaml .dockercfg"},
	{"kubernetes", true, ".kube kubeconfig"}, {"password file", true, ".htpasswd .passwd passwd shadow passwords.txt"},
	{"web server rules", true, ".htaccess web.config nginx.conf httpd.conf"},
	{"shell history", true, ".bash_history .zsh_history .mysql_history .psql_history .history .bashrc .profile"},
	{"package registry credentials", true, ".npmrc .yarnrc .pypirc .netrc .m2"},
	{"build pipeline", true, ".travis.yml .gitlab-ci.yml .circleci jenkinsfile .github bitbucket-pipelines.yml .drone.yml"},
	{"infrastructure state", true, "terraform.tfstate *.tfstate *.tfvars .terraform .vagrant vagrantfile"},
	{"editor deployment", true, "sftp-config.json sftp.json .ftpconfig ftpsync.settings"},
	{"private key", true, "*.pem *.key *.pfx *.p12 *.jks *.keystore *.ppk"},
	{"php dependencies", true, "composer.json composer.lock"}, {"node dependencies", true, "package.json package-lock.json yarn.lock node_modules"},
	{"python dependencies", true, "requirements.txt pipfile pyproject.toml"}, {"ruby dependencies", true, "gemfile gemfile.lock"},
	{"java dependencies", true, "pom.xml build.gradle web-inf meta-inf"},
	// Copies that were left behind.
	{"backup copy", true, "*.bak *.backup *.old *.orig *.save *.swp *.swo *~ *.copy *.tmp *.1"},
	{"backup folder", true, "backup backups bak old_site backup.zip backup.tar.gz backup.sql"},
	{"archive of a site", true, "*.tar.gz *.tgz *.rar *.7z *.tar *.bz2 site.zip www.zip html.zip website.zip public.zip src.zip"},
	{"database dump", true, "*.sql *.sql.gz *.dump *.sqlite *.sqlite3 *.db *.mdb dump.sql db.sql"},
	{"log file", true, "error_log error.log access.log debug.log laravel.log *.log"},
	{"configuration file", true, "config.json config.yml config.yaml config.php config.inc.php configuration.php settings.py settings.php local.xml parameters.yml appsettings.json config.xml config.ini *.ini *.cfg *.conf"},
	{"configuration copy", true, "wp-config.php* config.php.* configuration.php.* settings.php.*"},
	{"secrets", true, "secrets secrets.json secrets.yml secret.txt credentials credentials.txt passwords"},
	// Frameworks and their consoles.
	{"spring actuator", true, "actuator heapdump threaddump httptrace jolokia"},
	{"spring environment", true, "configprops beans autoconfig trace.json"},
	{"swagger description", true, "swagger swagger-ui swagger-ui.html swagger.json swagger.yaml swagger-resources swagger.yml"},
	{"openapi description", true, "openapi.json openapi.yaml openapi.yml api-docs v2/api-docs v3/api-docs apidocs redoc"},
	{"graphql console", true, "graphiql playground altair voyager graphql-playground graphql-explorer"},
	{"wsdl", true, "*.wsdl *.wadl application.wadl"}, {"php information", true, "phpinfo phpinfo.php info.php php_info.php phpversion.php i.php pi.php"},
	{"test script", false, "test.php test.html test.asp test.jsp test.cgi test.aspx hello.php"},
	{"wordpress login", false, "wp-login.php wp-admin wp-signup.php"}, {"wordpress content", false, "wp-content wp-includes"},
	{"wordpress interface", false, "wp-json xmlrpc.php wp-cron.php wlwmanifest.xml"}, {"wordpress set-up", false, "wp-config.php wp-settings.php wp-load.php wordpress wp blog/wp-"},
	{"joomla", false, "joomla administrator com_content joomla.xml"}, {"drupal", false, "drupal core/changelog.txt changelog.txt user/register sites/default"},
	{"magento", false, "magento downloader magento_version"}, {"typo3", false, "typo3 typo3conf"}, {"umbraco", false, "umbraco"}, {"sitecore", false, "sitecore"},
	{"phpmyadmin", false, "phpmyadmin pma myadmin phpmyadmin* mysqladmin dbadmin sqladmin"}, {"adminer", false, "adminer adminer.php adminer-*"},
	{"pgadmin", false, "pgadmin pgadmin4"}, {"phpunit", true, "phpunit eval-stdin.php"}, {"laravel tools", true, "_ignition telescope horizon log-viewer"},
	{"symfony profiler", true, "_profiler app_dev.php _wdt"}, {"rails information", true, "rails/info rails/db"}, {"django debug", true, "__debug__ silk"},
	{"yii debug", true, "debug/default gii"}, {"werkzeug console", true, "__debugger__ console"}, {"flask debug", true, "_debug_toolbar"},
	{"go profiles", true, "debug/pprof debug/vars"}, {"asp.net traces", true, "trace.axd elmah.axd elmah scriptresource.axd"},
	{"coldfusion", false, "cfide coldfusion *.cfm"}, {"lotus domino", false, "*.nsf names.nsf"}, {"frontpage", false, "_vti_bin _vti_pvt _vti_inf.html"},
	{"sharepoint", false, "_layouts sitepages"}, {"exchange", false, "owa ecp autodiscover ews rpc mapi oab"}, {"iis", false, "aspnet_client iisstart.htm iisadmpwd"},
	{"tomcat", true, "manager host-manager tomcat-docs"}, {"jboss", true, "jmx-console web-console invoker admin-console jbossws"}, {"weblogic", true, "wls-wsat _async bea_wls_internal console/login"},
	{"websphere", true, "ibm/console wasadmin"}, {"struts", false, "*.action *.do struts"}, {"solr", true, "solr"}, {"elasticsearch", true, "_cat _cluster _search _nodes _all_dbs _mapping"},
	{"couchdb", true, "_utils _session _users _config"}, {"kibana", true, "kibana app/kibana"}, {"grafana", false, "grafana public/plugins"}, {"prometheus", true, "prometheus alertmanager"},
	{"metrics", true, "metrics stats.json monitoring"}, {"jenkins", true, "jenkins script hudson asynchpeople"}, {"gitlab", false, "gitlab users/sign_in"}, {"jira", false, "jira secure/dashboard.jspa rest/api/2"},
	{"confluence", false, "confluence pages/createpage*"}, {"nexus", false, "nexus nexus3"}, {"sonarqube", false, "sonarqube sonar"}, {"artifactory", false, "artifactory"},
	{"docker interface", true, "containers/json v1.24 v1.40 v1.41 images/json"}, {"docker registry", true, "_catalog v2/_catalog"}, {"kubernetes interface", true, "api/v1/pods api/v1/namespaces kubernetes-dashboard"},
	{"consul", true, "v1/agent v1/kv consul"}, {"vault", true, "v1/sys v1/secret"}, {"etcd", true, "v2/keys"}, {"rabbitmq", true, "rabbitmq"}, {"hadoop", true, "ws/v1/cluster webhdfs jmx"},
	{"airflow", true, "airflow"}, {"jupyter", true, "jupyter tree/notebooks nbextensions"}, {"minio", true, "minio"}, {"portainer", true, "portainer"}, {"traefik", true, "traefik dashboard/api"},
	{"server status", true, "server-status server-info nginx_status fpm-status php-fpm status.php"}, {"haproxy statistics", true, "haproxy haproxy?stats"}, {"cloud metadata", true, "latest/meta-data metadata/instance computemetadata"},
	{"well-known credentials of apps", true, "firebase.json google-services.json googleservice-info.plist"},
	// Devices.
	{"router set-up", false, "hnap1 boaform goform setup.cgi cgi-bin/luci"}, {"cgi", false, "cgi-bin cgi cgi-sys *.cgi"}, {"vpn gateway", false, "dana-na remote/login +cscoe+ global-protect sslvpn vpns"},
	{"citrix", false, "vpn citrix"}, {"f5", true, "tmui mgmt/tm"}, {"vmware", false, "vsphere-client sdk/vimservice ui/vropspluginui"}, {"camera", false, "onvif isapi doc/page/login.asp"},
	{"printer", false, "hp/device web/guest"}, {"telephone", false, "polycom cisco provisioning"}, {"storage box", false, "webman filestation nas"},
	// Doors and rooms.
	{"administration", false, "admin admin.php admin.html administrator.php adminpanel admin-panel admin_area adm admincp admin1 admin2 superadmin sysadmin"},
	{"control panel", false, "cpanel panel plesk whm webmin controlpanel control"}, {"hidden login", false, "login.php login.asp login.jsp login.action signin.php user/login auth.php"},
	{"installer", true, "install install.php setup setup.php installer upgrade.php installation"}, {"shell left behind", true, "shell shell.php c99.php r57.php cmd.php webshell.php wso.php alfa.php b374k.php mini.php up.php"},
	{"upload", false, "upload.php uploader.php filemanager fileupload elfinder kcfinder ckfinder"}, {"editor", false, "fckeditor ckeditor tinymce editor"},
	{"internal", true, "internal private hidden intranet _internal"}, {"debug", true, "debug _debug debug.php trace dev"}, {"staging", false, "staging stage beta uat sandbox test testing demo"},
	{"old version", false, "old new archive legacy previous"}, {"source code", true, "src source index.php.bak *.php~ *.phps *.inc"}, {"data folder", true, "data db database databases sql mysql"},
	{"exports", true, "dump dumps export.csv users.csv users.json customers.csv"}, {"include folder", false, "includes inc include lib libs"}, {"temporary folder", true, "tmp temp cache"},
	{"web mail", false, "webmail roundcube squirrelmail horde zimbra"}, {"file transfer", false, "ftp sftp webdav dav"}, {"wiki", false, "wiki mediawiki dokuwiki"}, {"forum", false, "forum phpbb vbulletin"},
	{"shop software", false, "shop.php opencart prestashop oscommerce zencart"}, {"learning software", false, "moodle"}, {"error page probe", false, "nice%20ports trinity.txt.bak nmaplowercheck*"},
	{"vulnerability test", false, "nessus* nikto* acunetix* burp* appscan_fingerprint arachni* w3af* sqlmap*"}, {"path traversal", true, "../ ..%2f ..%5c %2e%2e ..;/ etc/passwd windows/win.ini boot.ini"},
	{"null byte", true, "%00"}, {"server side script", false, "*.asp *.aspx *.jsp *.jspx *.cfc *.pl"}, {"php script", false, "*.php"},
	{"api user list", true, "api/users/all api/admin api/v1/admin api/internal api/debug api/private"}, {"api keys", true, "apikeys api-keys api_keys tokens.json keys.json"},
	{"feature flags", true, "features.json flags.json"}, {"service mesh", true, "config_dump clusters?format stats/prometheus"}, {"health of parts", false, "healthz/ready livez readyz"},
	{"remote procedure", false, "jsonrpc xmlrpc rpc.php soap"}, {"crypto wallet", true, "wallet.dat keystore"}, {"password manager", true, "*.kdbx *.agilekeychain"},
	{"odd method", false, ""},
}

// oddMethod is the family of methods that no API serves and scanners try.
const oddMethod = family(len(dictionary) - 1)

type lookup struct {
	words    map[string]family
	suffixes map[string]family     // by ending from the first letter after "*"
	prefixes [256][]part           // by their first byte
	inside   []part                // in the order of the dictionary
	short    []part                // of these, those too short for the filter
	grams    [gramBits / 64]uint64 // of the others
}

// gramBits is the size of a filter of four bytes in a row of each word that may
// stand anywhere: nearly no path has any of them, so the words themselves are
// nearly never searched for.
const gramBits = 1 << 13

func gramOf(b []byte) uint32 {
	return (uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24) * 0x9e3779b1 >> 19
}

// rareOf returns four bytes of a word, from its end, that harmless paths do not
// have by the dozen.
func rareOf(w string) string {
	for i := len(w) - 4; i >= 0; i-- {
		if !strings.Contains("/api/v1/api/v2/api/v3/rest/users/", w[i:i+4]) {
			return w[i : i+4]
		}
	}
	return w[:4]
}

type part struct {
	text string
	is   family
}

var known = compile()

// compile turns the dictionary into tables; where a word stands twice, the
// first family has it.
func compile() *lookup {
	l := &lookup{words: make(map[string]family), suffixes: make(map[string]family)}
	for i, e := range dictionary {
		for w := range strings.FieldsSeq(e.words) {
			f := family(i)
			switch {
			case w[0] == '*':
				if _, dup := l.suffixes[w[1:]]; !dup {
					l.suffixes[w[1:]] = f
				}
			case w[len(w)-1] == '*':
				l.prefixes[w[0]] = append(l.prefixes[w[0]], part{w[:len(w)-1], f})
			case strings.ContainsAny(w, "/%?") || strings.HasPrefix(w, ".."):
				l.inside = append(l.inside, part{w, f})
				if len(w) < 4 {
					l.short = append(l.short, part{w, f})
					break
				}
				at := gramOf([]byte(rareOf(w)))
				l.grams[at/64] |= 1 << (at % 64)
			default:
				if _, dup := l.words[w]; !dup {
					l.words[w] = f
				}
			}
		}
	}
	return l
}

// maxInspected is how much of a path is looked at: the words stand early, and
// what stands later in a longer path was put there to be found.
const maxInspected = 512

// familyOf finds the first family that a path belongs to.
func familyOf(path string) family {
	var buf [maxInspected]byte
	b := buf[:min(len(path), maxInspected)]
	for i := range b {
		c := path[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b[i] = c
	}
	start := 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && b[i] != '/' {
			continue
		}
		seg := b[start:i]
		start = i + 1
		if len(seg) == 0 {
			continue
		}
		if f, ok := known.words[string(seg)]; ok {
			return f
		}
		if i == len(b) {
			if f := ending(seg); f != none {
				return f
			}
		}
		for _, p := range known.prefixes[seg[0]] {
			if len(seg) >= len(p.text) && string(seg[:len(p.text)]) == p.text {
				return p.is
			}
		}
	}
	if !mayHold(b) {
		return none
	}
	whole := string(b)
	for _, p := range known.inside {
		if strings.Contains(whole, p.text) {
			return p.is
		}
	}
	return none
}

// mayHold reports whether a path may hold a word that can stand anywhere.
func mayHold(b []byte) bool {
	for i := 4; i <= len(b); i++ {
		if at := gramOf(b[i-4:]); known.grams[at/64]>>(at%64)&1 != 0 {
			return true
		}
	}
	for _, p := range known.short {
		if strings.Contains(string(b), p.text) {
			return true
		}
	}
	return false
}

// ending tries every suffix that begins with a dot, the longest first.
func ending(seg []byte) family {
	for i := range seg {
		if seg[i] == '.' && i > 0 || seg[i] == '~' {
			if f, ok := known.suffixes[string(seg[i:])]; ok {
				return f
			}
		}
	}
	return none
}

// odd reports whether a method is one that scanners try.
func odd(method string) bool {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "":
		return false
	}
	return true
}
