package simulate

import (
	"strings"
	"sync"
)

func list(s string) []string { return strings.Fields(s) }

// languages are the columns of the dictionary.
var languages = []string{"en", "de", "fr", "es", "pt", "nl"}

// dictionary says what a thing is called in paths and fields: the singular,
// and after the comma the ending of its plural, or after > the plural itself.
const dictionary = `
account account,s konto>konten compte,s cuenta,s conta,s rekening,en
action action,s aktion,en action,s accion,es acao>acoes actie,s
address address,es adresse,n adresse,s direccion,es endereco,s adres,sen
agreement agreement,s vertrag>vertraege contrat,s contrato,s contrato,s contract,en
alert alert,s meldung,en alerte,s alerta,s alerta,s melding,en
amount amount,s betrag>betraege montant,s importe,s valor,es bedrag,en
appointment appointment,s termin,e rendezvous, cita,s consulta,s afspraak>afspraken
article article,s artikel, article,s articulo,s artigo,s artikel,en
attachment attachment,s anhang>anhaenge fichier,s adjunto,s anexo,s bijlage,n
audit audit,s protokoll,e journal>journaux auditoria,s auditoria,s audit,s
badge badge,s abzeichen, badge,s insignia,s distintivo,s insigne,s
balance balance,s saldo>salden solde,s saldo,s saldo,s saldo,s
beneficiary beneficiary>beneficiaries empfaenger, beneficiaire,s beneficiario,s beneficiario,s begunstigde,n
benefit benefit,s leistung,en prestation,s prestacion,es beneficio,s uitkering,en
birthday birthday,s geburtstag,e naissance,s nacimiento,s nascimento,s geboortedatum,s
booking booking,s buchung,en reservation,s reserva,s reserva,s boeking,en
card card,s karte,n carte,s tarjeta,s cartao>cartoes kaart,en
cart cart,s warenkorb>warenkoerbe panier,s carrito,s carrinho,s winkelwagen,s
category category>categories kategorie,n categorie,s categoria,s categoria,s categorie,en
channel channel,s kanal>kanaele canal>canaux canal,es canal>canais kanaal>kanalen
chat chat,s chat,s discussion,s chat,s conversa,s chat,s
claim claim,s antrag>antraege demande,s solicitud,es pedido,s aanvraag>aanvragen
city city>cities stadt>staedte ville,s ciudad,es cidade,s stad>steden
code code,s code,s code,s codigo,s codigo,s code,s
command command,s befehl,e commande,s comando,s comando,s opdracht,en
comment comment,s kommentar,e commentaire,s comentario,s comentario,s reactie,s
completion completion,s antwort,en completion,s respuesta,s resposta,s antwoord,en
contact contact,s kontakt,e contact,s contacto,s contato,s contact,en
country country>countries land>laender pays, pais,es pais,es land,en
coupon coupon,s gutschein,e bon,s cupon,es cupom>cupons kortingscode,s
created created erstellt cree_le creado criado aangemaakt
currency currency waehrung devise moneda moeda valuta
customer customer,s kunde,n client,s cliente,s cliente,s klant,en
dashboard dashboard,s uebersicht,en tableau>tableaux panel,es painel>paineis dashboard,s
data data daten donnees datos dados gegevens
date date,s datum>daten date,s fecha,s data,s datum,s
delivery delivery>deliveries lieferung,en livraison,s entrega,s entrega,s levering,en
description description beschreibung description descripcion descricao omschrijving
destination destination,s ziel,e destination,s destino,s destino,s bestemming,en
device device,s geraet,e appareil,s dispositivo,s dispositivo,s apparaat>apparaten
doctor doctor,s arzt>aerzte medecin,s medico,s medico,s arts,en
document document,s dokument,e document,s documento,s documento,s document,en
driver driver,s fahrer, chauffeur,s conductor,es motorista,s chauffeur,s
email email,s email,s email,s correo,s email,s email,s
embedding embedding,s einbettung,en vecteur,s vector,es vetor,es vector,en
error error,s fehler, erreur,s error,es erro,s fout,en
event event,s ereignis,se evenement,s evento,s evento,s gebeurtenis,sen
export export,s export,e export,s exportacion,es exportacao>exportacoes export,s
favourite favorite,s favorit,en favori,s favorito,s favorito,s favoriet,en
feature feature,s funktion,en fonction,s funcion,es recurso,s functie,s
file file,s datei,en fichier,s archivo,s arquivo,s bestand,en
flight flight,s flug>fluege vol,s vuelo,s voo,s vlucht,en
follower follower,s folgende,n abonne,s seguidor,es seguidor,es volger,s
friend friend,s freund,e ami,s amigo,s amigo,s vriend,en
game game,s spiel,e jeu,x juego,s jogo,s spel,len
giftcard giftcard,s geschenkkarte,n chequecadeau,x tarjetaregalo,s valepresente,s cadeaubon,nen
group group,s gruppe,n groupe,s grupo,s grupo,s groep,en
guild guild,s gilde,n guilde,s gremio,s guilda,s gilde,n
history history verlauf historique historial historico geschiedenis
hotel hotel,s hotel,s hotel,s hotel,es hotel>hoteis hotel,s
house household,s haushalt,e foyer,s hogar,es domicilio,s huishouden,s
iban iban iban iban iban iban iban
image image,s bild,er image,s imagen,es imagem>imagens afbeelding,en
insurance insurance,s versicherung,en assurance,s seguro,s seguro,s verzekering,en
integration integration,s anbindung,en integration,s integracion,es integracao>integracoes koppeling,en
inventory inventory>inventories bestand>bestaende inventaire,s inventario,s estoque,s voorraad>voorraden
invitation invitation,s einladung,en invitation,s invitacion,es convite,s uitnodiging,en
invoice invoice,s rechnung,en facture,s factura,s fatura,s factuur>facturen
item item,s posten, element,s elemento,s iten,s onderdeel>onderdelen
job job,s auftrag>auftraege tache,s tarea,s tarefa,s taak>taken
key key,s schluessel, cle,s clave,s chave,s sleutel,s
language language sprache langue idioma idioma taal
leaderboard leaderboard,s bestenliste,n classement,s clasificacion,es ranking,s ranglijst,en
limit limit limit limite limite limite limiet
loan loan,s kredit,e pret,s prestamo,s emprestimo,s lening,en
location location,s standort,e lieu,x ubicacion,es local>locais locatie,s
login login anmelden connexion acceso entrar inloggen
logout logout abmelden deconnexion salir sair uitloggen
match match,es begegnung,en partie,s partida,s partida,s wedstrijd,en
measurement measurement,s messwert,e mesure,s medicion,es medicao>medicoes meting,en
member member,s mitglied,er membre,s miembro,s membro,s lid>leden
message message,s nachricht,en message,s mensaje,s mensagem>mensagens bericht,en
model model,s modell,e modele,s modelo,s modelo,s model,len
name name name nom nombre nome naam
note note,s notiz,en note,s nota,s nota,s notitie,s
notification notification,s benachrichtigung,en notification,s aviso,s aviso,s notificatie,s
number number nummer numero numero numero nummer
offer offer,s angebot,e offre,s oferta,s oferta,s aanbieding,en
order order,s bestellung,en commande,s pedido,s encomenda,s bestelling,en
owner owner,s besitzer, proprietaire,s propietario,s dono,s eigenaar,s
page page seite page pagina pagina pagina
passenger passenger,s fahrgast>fahrgaeste passager,s pasajero,s passageiro,s passagier,s
password password passwort mot_de_passe contrasena senha wachtwoord
patient patient,s patient,en patient,s paciente,s paciente,s patient,en
payment payment,s zahlung,en paiement,s pago,s pagamento,s betaling,en
permission permission,s berechtigung,en droit,s permiso,s permissao>permissoes recht,en
phone phone,s telefon,e telephone,s telefono,s telefone,s telefoon,s
place place,s ort,e lieu,x lugar,es lugar,es plaats,en
player player,s spieler, joueur,s jugador,es jogador,es speler,s
policy policy>policies richtlinie,n politique,s politica,s politica,s beleid,
post post,s beitrag>beitraege publication,s publicacion,es publicacao>publicacoes bericht,jes
preference preference,s einstellung,en preference,s preferencia,s preferencia,s voorkeur,en
prescription prescription,s rezept,e ordonnance,s receta,s receita,s recept,en
price price,s preis,e prix, precio,s preco,s prijs>prijzen
product product,s produkt,e produit,s producto,s produto,s product,en
profile profile,s profil,e profil,s perfil,es perfil>perfis profiel,en
project project,s projekt,e projet,s proyecto,s projeto,s project,en
promotion promotion,s aktion,en promotion,s promocion,es promocao>promocoes actie,s
purchase purchase,s kauf>kaeufe achat,s compra,s compra,s aankoop>aankopen
quantity quantity menge quantite cantidad quantidade aantal
query query suche recherche consulta busca zoek
quote quote,s kostenvoranschlag>kostenvoranschlaege devis, presupuesto,s cotacao>cotacoes offerte,s
rating rating,s bewertung,en note,s valoracion,es avaliacao>avaliacoes beoordeling,en
receipt receipt,s quittung,en recu,s recibo,s recibo,s bon,nen
record record,s akte,n dossier,s expediente,s registro,s dossier,s
recommendation recommendation,s empfehlung,en recommandation,s recomendacion,es recomendacao>recomendacoes aanbeveling,en
refund refund,s erstattung,en remboursement,s reembolso,s reembolso,s terugbetaling,en
register register registrieren inscription registro cadastro registreren
report report,s bericht,e rapport,s informe,s relatorio,s rapport,en
reset reset zuruecksetzen reinitialiser restablecer redefinir herstellen
result result,s ergebnis,se resultat,s resultado,s resultado,s resultaat>resultaten
return return,s ruecksendung,en retour,s devolucion,es devolucao>devolucoes retour,en
review review,s rezension,en avis, resena,s comentario,s recensie,s
ride ride,s fahrt,en course,s viaje,s corrida,s rit,ten
role role,s rolle,n role,s rol,es papel>papeis rol,len
room room,s zimmer, chambre,s habitacion,es quarto,s kamer,s
rule rule,s regel,n regle,s regla,s regra,s regel,s
schedule schedule,s zeitplan>zeitplaene horaire,s horario,s horario,s rooster,s
search search suche recherche buscar busca zoeken
seat seat,s sitzplatz>sitzplaetze siege,s asiento,s assento,s stoel,en
sensor sensor,s sensor,en capteur,s sensor,es sensor,es sensor,en
session session,s sitzung,en session,s sesion,es sessao>sessoes sessie,s
setting setting,s einstellung,en reglage,s ajuste,s configuracao>configuracoes instelling,en
shipment shipment,s sendung,en colis, envio,s remessa,s zending,en
site site,s anlage,n site,s sitio,s instalacao>instalacoes locatie,s
skin skin,s kostuem,e apparence,s aspecto,s visual>visuais uiterlijk,en
statement statement,s kontoauszug>kontoauszuege releve,s extracto,s extrato,s afschrift,en
status status status statut estado situacao status
stock stock lagerbestand stock existencias estoque voorraad
story story>stories geschichte,n histoire,s historia,s historia,s verhaal>verhalen
street street strasse rue calle rua straat
submission submission,s einreichung,en depot,s envio,s envio,s indiening,en
subscription subscription,s abo,s abonnement,s suscripcion,es assinatura,s abonnement,en
success success erfolg succes exito sucesso succes
tag tag,s schlagwort>schlagwoerter etiquette,s etiqueta,s etiqueta,s label,s
task task,s aufgabe,n tache,s tarea,s tarefa,s taak>taken
team team,s team,s equipe,s equipo,s equipe,s team,s
telemetry telemetry messdaten telemesure telemetria telemetria telemetrie
template template,s vorlage,n modele,s plantilla,s gabarito,s sjabloon>sjablonen
tenant tenant,s mandant,en organisation,s organizacion,es organizacao>organizacoes organisatie,s
thread thread,s unterhaltung,en fil,s hilo,s topico,s gesprek,ken
ticket ticket,s anfrage,n ticket,s incidencia,s chamado,s ticket,s
title title titel titre titulo titulo titel
token token token jeton token token token
total total summe total total total totaal
transaction transaction,s umsatz>umsaetze operation,s movimiento,s transacao>transacoes transactie,s
transfer transfer,s ueberweisung,en virement,s transferencia,s transferencia,s overboeking,en
trip trip,s reise,n voyage,s viaje,s viagem>viagens reis>reizen
type type typ type tipo tipo type
updated updated geaendert modifie_le actualizado atualizado gewijzigd
user user,s benutzer, utilisateur,s usuario,s usuario,s gebruiker,s
username username benutzername identifiant nombre_usuario nome_usuario gebruikersnaam
vehicle vehicle,s fahrzeug,e vehicule,s vehiculo,s veiculo,s voertuig,en
verify verify bestaetigen verifier verificar verificar verifieren
visit visit,s besuch,e visite,s visita,s visita,s bezoek,en
vote vote,s stimme,n vote,s voto,s voto,s stem,men
wallet wallet,s geldboerse,n portefeuille,s monedero,s carteira,s portemonnee,s
webhook webhook,s webhook,s webhook,s webhook,s webhook,s webhook,s
workflow workflow,s ablauf>ablaeufe processus, flujo,s fluxo,s werkstroom>werkstromen
workspace workspace,s bereich,e espace,s espacio,s espaco,s werkruimte,n
zip zip plz code_postal codigo_postal cep postcode
`

type term struct{ one, many string }

// terms is the dictionary by concept, one term for each language.
var terms = sync.OnceValue(func() map[string][]term {
	m := map[string][]term{}
	for line := range strings.SplitSeq(strings.TrimSpace(dictionary), "\n") {
		f := strings.Fields(line)
		row := make([]term, len(languages))
		for i := range row {
			w := f[1+i]
			if one, many, ok := strings.Cut(w, ">"); ok {
				row[i] = term{one, many}
			} else if one, end, ok := strings.Cut(w, ","); ok {
				row[i] = term{one, one + end}
			} else {
				row[i] = term{w, w}
			}
		}
		m[f[0]] = row
	}
	return m
})

// lookUp says how a language calls a concept; a concept that is not in the
// dictionary is a technical term and the same everywhere.
func lookUp(language int, concept string) term {
	if row, ok := terms()[concept]; ok {
		return row[language]
	}
	return term{concept, concept + "s"}
}

type casing uint8

const (
	snake casing = iota
	camel
	kebab
	pascal
	casings = iota
)

// join writes words as one name.
func (c casing) join(words ...string) string {
	var parts []string
	for _, w := range words {
		parts = append(parts, strings.Split(w, "_")...)
	}
	switch c {
	case kebab:
		return strings.Join(parts, "-")
	case camel, pascal:
		for i, p := range parts {
			if p != "" && (i > 0 || c == pascal) {
				parts[i] = strings.ToUpper(p[:1]) + p[1:]
			}
		}
		return strings.Join(parts, "")
	}
	return strings.Join(parts, "_")
}
