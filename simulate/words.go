package simulate

// The word lists from which names, titles and addresses are made. All lists
// are of this project; the people do not exist.

var (
	adjectives = list(`amber ancient azure bold brave bright calm candid cheerful civic clever coastal compact copper cosy crisp daily deep eager early
 elder fancy fast fern fine fresh gentle giant glad golden grand green happy hidden honest humble icy inner ivory jade jolly keen kind large late lively
 local lucky lunar maple mellow merry mild misty modern narrow neat noble north oaken olive open pale plain polar proud pure quick quiet rapid rare red
 rich robust round royal rustic sandy serene sharp silent silver simple slim smart smooth snowy soft solar solid south spare steady still stout sunny super
 sweet swift tall tender tidy tiny vast velvet vivid warm wild wise young`)
	materials = list(`alder ash bamboo basalt birch brass bronze canvas carbon cedar ceramic cherry chrome clay cobalt coral cork cotton crystal denim ebony
 elm enamel felt flax glass granite hazel hemp iron jute larch leather lime linen marble mesh nickel nylon oak onyx opal paper pearl pewter pine plaster
 quartz rattan resin rubber satin silk slate steel stone suede teak timber tin titanium tweed walnut wicker willow wool yew zinc`)
	things = list(`anchor apron arbor badge basket beacon bench bicycle blanket board bottle bowl box bracket brush bucket cabinet candle carafe carpet chair
 chest clock coat compass cup curtain cushion desk dial door drum easel fan fence flask fork frame garden gate glove hammer harbour hat helmet hook jacket
 jar kettle knife ladder lamp lantern lens lock map mat mirror mug needle paddle pan pen pillow pitcher planter plate pot pouch rack radio rake ribbon ring
 rope rug saddle sail scarf shelf shoe sofa spoon stool table tent tile towel tray vase wagon wallet watch wheel whistle window wreath`)
	givenNames = list(`adam adele agnes aisha alba alex alice amir amelie ana andre anna anton aria arthur astrid ava ben bianca boris bruno camille carla carlos
 cecile chloe clara daan dana daniel daria david diego dora edith elena eli elif ella emil emma erik esra eva fatima felix finn fiona florian freya gina
 greta hana hannah hugo ida igor ines ingrid iris isaac ivan jack jana jin jonas jose julia kai karim karl kate katja kenji lars laura lea lena leon leo
 lia lina linh lisa livia louis luca lucia luis magda maja marc maria marie marta max maya mehmet mia milan mina mira mohamed nadia nele nico nina noah
 noor nora olga oliver omar oscar otto paul paula pavel pedro petra pia priya quentin rafael ravi rita robin rosa ruth sam sara selma silas sofia stefan
 sven tara theo tim tina tom uma valeria vera victor wei yara yusuf zara zoe`)
	familyNames = list(`abbott adler ahmed almeida alvarez andersen bailey baker barros bauer becker bell bianchi black blanc bosch braun brown castro chen clark
 conti costa cruz dahl davies diaz dubois duran edwards ek evans faure ferrari fischer fontana fox garcia gomez gray green gruber gupta hall hansen harris
 hassan hill hoffmann holm huber hughes ito ivanov jansen jensen johnson jones kaplan kaya keller khan kim klein koch kovac kowalski kruger kumar lang
 larsen lee lehmann lewis li lima lopez lund marino martin mayer meyer miller moreau moretti mori morris muller murphy nagy nair nguyen nielsen novak
 olsen ortiz park parker patel pereira peters petit pinto popov price ramos reid ricci richter rivera roberts robin romano rossi roux ruiz russo santos
 sato schmidt schneider schulz scott shah silva simon singh smith sousa stein stone sun suzuki tan taylor torres tran turner vargas vega visser vogel
 wagner walker wang weber weiss white wilson wolf wong wood wright yamada yang yilmaz young zhang zimmermann`)
	streets         = list(`mill station church garden market school bridge castle harbour forest river hill lake meadow park queen king linden maple orchard rose`)
	cities          = list(`ashford brunnen carvalhal delmere eastwick falkenau granville hartfield isola jarnefors kirkby lindau marvao norrby oakham porto-vale quimbal ravensburg silveira tornby ulmen valdoro westhafen yarrow zellern`)
	countries       = list(`DE FR ES PT NL GB US IT PL SE AT CH`)
	mailHosts       = list(`mail.example inbox.example post.example web.example fastmail.example home.example corp.example uni.example`)
	statuses        = list(`active pending completed cancelled shipped draft failed archived`)
	commonPasswords = list(`Summer2025! Welcome1 Password1! qwerty123 Winter2026 Football1 Iloveyou1 Passw0rd sunshine99 Monday01 Dragon12 letmein1 abc12345 Spring2026! Company1`)
)
